/* SPDX-License-Identifier: MIT */
#ifndef TZ_CHUNK_H
#define TZ_CHUNK_H

/*
 * Chunks of memory, cut into runs of units, for arena.c and mem.c alone, under
 * their lock.  A chunk lies at a multiple of CHUNK_SIZE and is no longer than
 * that, so the chunk of any pointer is found by masking:
 *
 *	guard page | header | unit | unit | ... | unit | guard page
 */

#include "pages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHUNK_SIZE = 1 << 20,
	CHUNK_UNIT = 4096,
	CHUNK_UNITS = CHUNK_SIZE / CHUNK_UNIT, /* at most */
	CHUNK_FEW = CHUNK_UNITS / 4,	       /* of a pool's first chunks */
	CHUNK_CLASSES = 24,		       /* sizes of small pieces */
	CHUNK_MAGIC = 0x74617a31,
};

enum chunk_kind { CHUNK_FREE = 0, CHUNK_HEADER, CHUNK_RUN, CHUNK_SLAB };

struct piece; /* arena.c's */

/* What the header keeps of a run, at the index of the run's first unit. */
struct run {
	uint8_t kind;		 /* enum chunk_kind */
	uint8_t class;		 /* slab: index of its size */
	uint16_t units;		 /* length of the run */
	uint16_t used;		 /* slab: pieces handed out */
	uint16_t first;		 /* index of the run's first unit */
	struct piece *free;	 /* slab */
	struct run *next, *prev; /* slab: among those with a free piece */
};

struct pool;

/* The start of a chunk. */
struct chunk {
	uint32_t magic;	 /* CHUNK_MAGIC; a larger mapping has another */
	uint16_t units;	 /* of this chunk, its header among them */
	uint16_t header; /* units that this and the runs take */
	uint16_t free_units;
	uint8_t kind;	   /* enum pages_kind */
	struct pool *pool; /* that it belongs to */
	struct chunk *next, *prev;
	struct run runs[]; /* units of them */
};

/*
 * Chunks that serve the same purpose.  They are of the kind that is wanted, or
 * of the next best that can be had.
 */
struct pool {
	enum pages_kind kind;
	bool limited; /* by chunk_secret_limit() */
	bool whole;   /* every chunk has CHUNK_UNITS */
	struct chunk *chunks;
	size_t count; /* of chunks */
	size_t empty; /* of those, how many hold nothing */
	size_t keep;  /* so many are never given back */
	struct run *partial[CHUNK_CLASSES]; /* slabs with a free piece */
};

enum {
	CHUNK_HEADER_MAX = (sizeof(struct chunk) +
			    CHUNK_UNITS * sizeof(struct run) + CHUNK_UNIT - 1) /
			   CHUNK_UNIT,
};

/*
 * Pools that are limited take secret memory until there is so much of it in
 * all.
 */
void chunk_secret_limit(size_t bytes);

/* The kind that bytes more of pool are to be of. */
enum pages_kind chunk_kind_for(const struct pool *pool, size_t bytes);

/* The chunk that p lies in, or the mapping whose first CHUNK_SIZE p is in. */
struct chunk *chunk_of(const void *p);

/*
 * Add an empty chunk to pool that has room for a run of units.  NULL if no more
 * memory can be locked.
 */
struct chunk *chunk_new(struct pool *pool, size_t units);

/*
 * Give one empty chunk of pool back, if there are more than spare.  False:
 * there was none to give.
 */
bool chunk_trim(struct pool *pool, size_t spare);

/* A run of units units in pool, all zero, or NULL. */
struct run *chunk_run_new(struct pool *pool, size_t units,
			  enum chunk_kind kind);

/* Where the memory of r starts. */
uint8_t *chunk_run_start(struct run *r);

/* Give r back.  Its memory must be zero. */
void chunk_run_free(struct run *r);

/* Wipe all memory of pool, handed out or not. */
void chunk_wipe(struct pool *pool);

#endif
