/* SPDX-License-Identifier: MIT */
#ifndef TZ_SANDBOX_H
#define TZ_SANDBOX_H

/*
 * What the daemon gives up before it serves: it stays at what a hostile request
 * or archive could make of it.  no_new_privs, all capabilities but those it
 * needs, Landlock (sandbox_landlock.h), and a filter of system calls
 * (sandbox_seccomp.h).  Afterwards it can neither run anything, nor mount or
 * unmount, nor open a connection, nor write outside of its own folders; what
 * of that it still needs, its keeper does (keeper.h).
 *
 * All of it is of a thread, and of those it starts: enter before any other
 * thread is there.
 */

#include "tools/msg.h"

#include <stdbool.h>
#include <stdio.h>

struct sandbox;

/*
 * Look for the folders that are to stay writable, as they are before anything
 * is mounted: of the vault at that path, unless it is mounted read-only; the
 * state folder (statedir.h) and that of control sockets (rundir.h), which are
 * made if they are missing.  The caller frees *ret.
 * EXIT_DONE; or EXIT_FAILED, and it has been said why.
 */
enum exit_code sandbox_new(struct sandbox **ret, const char *vault,
			   bool read_only);

/*
 * Enter it, for good.  root, a descriptor (O_PATH) unless it is negative, is
 * the root of the daemon's own mount, where it may write as well, since its
 * state folder or run-time folder may be there; is_files: what it shows are
 * files (ramfiles.h), all of which it is to wipe in the end.  Nothing is asked
 * of that mount.  Parts that the kernel does not have are passed over; if one
 * that it has fails, this says so and returns EXIT_FAILED: the process then
 * must not go on.
 */
enum exit_code sandbox_enter(const struct sandbox *s, int root, bool is_files);

/* Release s.  NULL is a no-op. */
void sandbox_free(struct sandbox *s);

/*
 * Write what is in force as "key=value" lines (docs/CONTROL.md), each read back
 * from the kernel for the calling thread.
 */
void sandbox_print(FILE *out);

#endif
