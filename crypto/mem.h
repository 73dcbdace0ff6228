/* SPDX-License-Identifier: MIT */
#ifndef TZ_MEM_H
#define TZ_MEM_H

/*
 * Memory for plaintext and keys.  Every page of it is locked in RAM before it
 * is written (mlock(2)), left out of core dumps (MADV_DONTDUMP), absent from
 * forked children (MADV_DONTFORK), fenced by inaccessible guard pages, and
 * wiped when it is freed.  What cannot be locked is never handed out.
 *
 * All functions may be called from any thread.  Locks do not survive fork(2),
 * so a daemon forks before its first allocation here.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Keep this process out of other hands: not dumpable (so that no process of
 * the same user can attach to it), and without core files.  Then lock the
 * first pages, so that a machine that allows no locking is known at once.
 *
 * Returns 0, -ENOMEM if memory cannot be locked, or another -errno.
 */
int mem_harden(void);

/*
 * Allocate size bytes, all zero, aligned for any type.  A size of 0 is
 * taken as 1.  NULL if no more memory can be had or locked; errno is ENOMEM.
 */
void *mem_alloc(size_t size);

/*
 * Change the size of p, keeping what both sizes share; the new part is zero.
 * The old place is wiped if the bytes move.  NULL leaves p as it was.
 * p may be NULL.
 */
void *mem_realloc(void *p, size_t size);

/* Wipe and release p.  NULL is a no-op.  A pointer not ours aborts. */
void mem_free(void *p);

/* Up to this size pieces of any sizes fill the reserve without large gaps. */
enum { MEM_PIECE_MAX = 68 << 10 };

/* What an allocation of size bytes takes: it is rounded up. */
size_t mem_size(size_t size);

/*
 * Set memory aside, locked now and kept, for threads that call
 * mem_use(MEM_RESERVE): work that must not fail for lack of memory.  A later
 * call may ask for more in all, never for less.  It has room for pieces of at
 * most MEM_PIECE_MAX bytes whose mem_size() is bytes in all, if none is freed
 * in between, with up to 256 KiB lost to sizes that few of them have.  It comes
 * in chunks of 1 MiB; a piece of more than half of that never comes from it.
 *
 * 0, or -ENOMEM and nothing has changed.
 */
int mem_reserve(size_t bytes);

/* Where memory comes from.  Pools share no chunk. */
enum mem_pool {
	MEM_COMMON,
	MEM_RESERVE, /* what was set aside; it may outgrow that */
	MEM_CACHE,   /* what mem_on_pressure() frees, which then leaves whole
			chunks to the others */
};

/*
 * Let what this thread allocates come from that pool.  Returns what was set
 * before.  Any thread may free it.
 */
enum mem_pool mem_use(enum mem_pool pool);

/*
 * Have fn called when there is no more memory to lock, before that is said to
 * whoever asked for it: it frees what can be done without, and returns
 * whether there was any.  Any thread may call it, also while it runs.  NULL:
 * nobody is asked.  Set it while no other thread allocates here.
 */
void mem_on_pressure(bool (*fn)(void *ctx), void *ctx);

/*
 * Give back what is kept for the next allocations beyond an eighth: for when
 * things have come to rest.  Nobody else has to wait for more than a chunk.
 */
void mem_trim(void);

/* Bytes locked at present, guard pages not counted. */
size_t mem_locked(void);

/*
 * Wipe everything that was handed out and is not freed yet: the last act of a
 * process before _exit(2).  Whoever allocates or frees here afterwards waits
 * for ever, so exit(3), whose handlers free, is out of the question.
 */
void mem_wipe_all(void);

#endif
