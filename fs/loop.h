/* SPDX-License-Identifier: MIT */
#ifndef TZ_LOOP_H
#define TZ_LOOP_H

/*
 * The main thread's loop: it waits for descriptors (poll(2)) and calls whoever
 * watches them.  Callbacks may add and remove watches, their own too.
 *
 * Callbacks run with the loop's lock held.  Another thread that shares
 * anything with them takes the lock meanwhile; it adds and removes nothing.
 */

struct loop;

/* Called when fd can be read, or is at its end or in error. */
typedef void loop_fn(void *ctx, int fd);

/* The caller frees *ret.  0 or -ENOMEM. */
int loop_new(struct loop **ret);

/* Watch fd; it stays the caller's.  0 or -ENOMEM. */
int loop_add(struct loop *l, int fd, loop_fn *fn, void *ctx);

/* The same, for when fd has urgent news (POLLPRI) or is in error. */
int loop_add_urgent(struct loop *l, int fd, loop_fn *fn, void *ctx);

/* Watch fd no more.  No-op if it was not watched. */
void loop_remove(struct loop *l, int fd);

/* Serve until loop_stop().  0, or the -errno of poll(2). */
int loop_run(struct loop *l);

/* Let loop_run() return, and call nobody any more. */
void loop_stop(struct loop *l);

/* Keep callbacks from running, and let them run again. */
void loop_lock(struct loop *l);
void loop_unlock(struct loop *l);

/* Release l.  NULL is a no-op. */
void loop_free(struct loop *l);

#endif
