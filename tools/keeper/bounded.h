/* SPDX-License-Identifier: MIT */
#ifndef TZ_BOUNDED_H
#define TZ_BOUNDED_H

/*
 * What may hang, since it walks through filesystems of anybody's, and what
 * cannot be undone in this process, such as entering a namespace: done by a
 * child.  For processes without other threads, and without memory that a child
 * lacks (crypto/mem.h).
 */

enum { BOUNDED_MS = 2000 };

/* Returns 0 to 255. */
typedef int bounded_fn(void *ctx, int fd);

/*
 * Call fn in a child, and wait for that, BOUNDED_MS at most.  The child has
 * the standard descriptors and fd alone, which may have another number there;
 * -1 if there is none.  What takes longer is killed, and left behind if not
 * even that ends it.  Returns what fn returned, -ETIMEDOUT, -ECHILD if it was
 * killed, or the -errno of fork(2) or pidfd_open(2).
 */
int bounded_call(bounded_fn *fn, void *ctx, int fd);

#endif
