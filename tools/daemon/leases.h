/* SPDX-License-Identifier: MIT */
#ifndef TZ_LEASES_H
#define TZ_LEASES_H

/*
 * Leases: processes for which a vault is to stay unlocked, each held by a pidfd
 * (pidfd_open(2)).  So a lease ends with its process, however that ends, and
 * with nothing else; no number can be taken by another process.
 *
 * All functions are called under the loop's lock.
 */

#include "fs/loop.h"

#include <stddef.h>

enum { LEASES_MAX = 256 };

struct leases;

/* last is called when the last lease has ended.  The caller frees *ret.  0 or
 * -ENOMEM. */
int leases_new(struct leases **ret, struct loop *loop, void (*last)(void *ctx),
	       void *ctx);

/*
 * Take a lease of the process behind a pidfd; notices are written to terminal
 * unless that is -1, or no terminal.  Both are taken over, also after an error.
 * 0, -EINVAL if process is no pidfd, -EBUSY if there are LEASES_MAX, or
 * -ENOMEM.
 */
int leases_add(struct leases *l, int process, int terminal);

/* How many there are. */
size_t leases_count(const struct leases *l);

/*
 * Write a line to the terminals of all leases, once to each.  A terminal that
 * takes nothing now goes without.
 */
void leases_tell(const struct leases *l, const char *text);

/* Release l.  NULL is a no-op. */
void leases_free(struct leases *l);

#endif
