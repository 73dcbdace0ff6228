/* SPDX-License-Identifier: MIT */
#ifndef TZ_ARENA_H
#define TZ_ARENA_H

/*
 * Pieces of any size out of the chunks of a pool, for mem.c alone, under its
 * lock.  A run of units serves one large piece or, as a slab, many small ones
 * of one size class.  What fits no chunk gets a mapping of its own, with the
 * same start and the same guards.
 *
 * Free memory is always zero, which makes every allocation zeroed for free.
 */

#include "chunk.h"

#include <stdbool.h>
#include <stddef.h>

/* A piece of size bytes, at least 1, or NULL. */
void *arena_alloc(struct pool *pool, size_t size);

/* One that lies at a multiple of CHUNK_UNIT. */
void *arena_alloc_aligned(struct pool *pool, size_t size);

/* Wipe p and give it back.  A pointer that no pool handed out aborts. */
void arena_free(void *p);

/* How long the piece p is. */
size_t arena_usable(void *p);

/* The pool that p came from. */
struct pool *arena_pool_of(void *p);

/* What a piece of size bytes takes of a chunk. */
size_t arena_size(size_t size);

/* Make everything of pool, which is plain, locked in place, as pages_lock(). */
int arena_lock(struct pool *pool);

/* Wipe all pieces that have a mapping of their own. */
void arena_wipe_huge(void);

#endif
