/* SPDX-License-Identifier: MIT */
#ifndef TZ_MEM_H
#define TZ_MEM_H

/*
 * Memory for plaintext and keys.  Every page of it is locked in RAM before it
 * is written (mlock(2)), left out of core dumps (MADV_DONTDUMP), absent from
 * forked children (MADV_DONTFORK), fenced by inaccessible guard pages, and
 * wiped when it is freed.  What cannot be locked is never handed out.  Where
 * the kernel has it, memory is secret too (memfd_secret(2)): then not even
 * root can read it through the kernel.
 *
 * All functions may be called from any thread.  Locks do not survive fork(2),
 * so a daemon forks before its first allocation here.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Keep this process out of other hands: not dumpable (so that no process of
 * the same user can attach to it), and without core files.  Lock the stack of
 * this thread, which must be the main one, however it grows, and all that
 * mem_heap() has handed out.
 *
 * Returns 0, -ENOMEM if memory cannot be locked, or another -errno.
 */
int mem_harden(void);

/*
 * How much memory may be secret in all, beside that of MEM_KEYS: it takes ten
 * times as long to get as memory that is locked alone.  0 at first.  What is
 * handed out already stays as it is.
 */
void mem_secret_limit(size_t bytes);

/* Where memory comes from.  Pools share no chunk. */
enum mem_pool {
	MEM_COMMON,
	MEM_RESERVE, /* what was set aside; it may outgrow that */
	MEM_CACHE,   /* what mem_on_pressure() frees, which then leaves whole
			chunks to the others */
	MEM_EXTENTS, /* the same of file contents */
	MEM_KEYS,    /* always secret where the kernel has it; when full, what
			is allocated here comes from the thread's pool */
	MEM_BOUNCE,  /* never secret: for what a device or another file system
			reads or writes, which cannot reach secret memory */
	MEM_PLAIN,   /* NOT LOCKED: for what is encrypted */
	MEM_POOLS,
};

/*
 * Allocate size bytes, all zero, aligned for any type, from the pool of this
 * thread (mem_use()).  A size of 0 is taken as 1.  NULL if no more memory can
 * be had or locked; errno is ENOMEM.
 */
void *mem_alloc(size_t size);

/* As that, from pool. */
void *mem_alloc_in(enum mem_pool pool, size_t size);

/*
 * Change the size of p, keeping what both sizes share; the new part is zero.
 * The old place is wiped if the bytes move; the new one is of the pool of this
 * thread or, if that is MEM_COMMON or p a key, of p's own.  NULL leaves p as it
 * was.  p may be NULL.
 */
void *mem_realloc(void *p, size_t size);

/* Wipe and release p.  NULL is a no-op.  A pointer not ours aborts. */
void mem_free(void *p);

/*
 * For the malloc(3) family of a whole process: as mem_alloc(), at a multiple
 * of align, a power of two and at most 4096.  But before mem_harden() it is
 * ordinary memory, which forked children have too; mem_harden() locks it.
 */
void *mem_heap(size_t align, size_t size);

/* How many bytes the piece p has room for. */
size_t mem_usable(void *p);

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

/*
 * Let what this thread allocates come from that pool.  Returns what was set
 * before.  Any thread may free it.
 */
enum mem_pool mem_use(enum mem_pool pool);

/*
 * Have fn called when there is no more memory to lock, before that is said to
 * whoever asked for it: it frees what can be done without, and returns
 * whether there was any.  Any thread may call it, also while it runs, and also
 * from within malloc(3).  NULL: nobody is asked.  Set it while no other thread
 * allocates here.
 */
void mem_on_pressure(bool (*fn)(void *ctx), void *ctx);

/*
 * For whoever locks pages of their own and is refused: give back what is kept
 * for later, or else ask as above.  False: there was nothing.
 */
bool mem_make_room(void);

/*
 * Give back what is kept for the next allocations beyond an eighth: for when
 * things have come to rest.  Nobody else has to wait for more than a chunk.
 */
void mem_trim(void);

/* Bytes mapped at present, guard pages not counted. */
struct mem_usage {
	size_t secret; /* in memory that the kernel itself cannot read */
	size_t locked; /* in other locked memory */
	size_t plain;  /* not locked: MEM_PLAIN, and mem_heap() at first */
};
struct mem_usage mem_usage(void);

/* Bytes locked at present, secret or not. */
size_t mem_locked(void);

/*
 * From now on, whoever allocates or frees here waits for ever: no thread can be
 * stopped in the middle of it any more.
 */
void mem_shut(void);

/*
 * Wipe everything that was handed out and is not freed yet: the last act of a
 * process before _exit(2).  As after mem_shut(), so exit(3), whose handlers
 * free, is out of the question.
 */
void mem_wipe_all(void);

#endif
