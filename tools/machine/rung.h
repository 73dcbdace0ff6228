/* SPDX-License-Identifier: MIT */
#ifndef TZ_RUNG_H
#define TZ_RUNG_H

#include <stdbool.h>

/*
 * The ways in which a vault can be shown, best first.  Which of them can be had
 * depends on the machine and on who asks; what each promises differs
 * (promises.h).
 */

#include "machine.h"
#include "tools/options.h"

#include <stdbool.h>

enum rung {
	RUNG_NONE,
	RUNG_FUSE,	  /* FUSE, mounted by who may mount */
	RUNG_FUSERMOUNT,  /* FUSE, mounted by fusermount3(1) for a user */
	RUNG_FUSE_USERNS, /* FUSE, in a user namespace of its own */
	RUNG_TMPFS,	  /* a tmpfs that is not swapped out */
	RUNG_TMPFS_SWAP,  /* a tmpfs that may be: "noswap" is refused */
	RUNG_RAMFS,	  /* never swapped out, and without a limit of size */
	RUNG_COUNT
};

/* Is it one of files in memory (fs/ramfiles.h)? */
bool rung_is_files(enum rung r);

/* Its word in answers and in JSON: "fuse", "fusermount3" and so on. */
const char *rung_name(enum rung r);

/* The other way around; RUNG_NONE if there is no such word. */
enum rung rung_of_name(const char *name);

/* A few words for people: "FUSE, mounted by root". */
const char *rung_title(enum rung r);

/*
 * The best rung that machine m has for that backend, or RUNG_NONE.
 * own_namespace: a user and mount namespace may be made for it, as `tazpod run`
 * and `shell` do; then it is used where it is needed, rung_needs_userns().
 *
 * BACKEND_AUTO takes a tmpfs that may be swapped out only where root runs a
 * kernel that knows no "noswap", and else ramfs; BACKEND_TMPFS takes it
 * wherever there is no other.
 */
enum rung rung_choose(const struct machine *m, enum backend_kind wanted,
		      bool own_namespace);

/* Can r be had on m only in a user namespace that is made for it? */
bool rung_needs_userns(const struct machine *m, enum rung r);

#endif
