/* SPDX-License-Identifier: MIT */
#ifndef TZ_CHUNK_H
#define TZ_CHUNK_H

/*
 * Chunks of locked memory, cut into runs of units, for mem.c alone, under its
 * lock.  A chunk is CHUNK_SIZE bytes at a multiple of CHUNK_SIZE, so the chunk
 * of any pointer is found by masking:
 *
 *	guard page | header | unit | unit | ... | unit | guard page
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHUNK_SIZE = 1 << 20,
	CHUNK_UNIT = 4096,
	CHUNK_UNITS = CHUNK_SIZE / CHUNK_UNIT,
	CHUNK_CLASSES = 24, /* sizes of small pieces */
	CHUNK_MAGIC = 0x74617a31,
};

enum chunk_kind { CHUNK_FREE = 0, CHUNK_HEADER, CHUNK_RUN, CHUNK_SLAB };

struct piece; /* mem.c's */

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

/* The start of a chunk takes CHUNK_HEADER_UNITS of its units. */
struct chunk {
	uint32_t magic; /* CHUNK_MAGIC; a larger mapping of mem.c has another */
	uint32_t free_units;
	struct pool *pool; /* that it belongs to */
	struct chunk *next, *prev;
	struct run runs[CHUNK_UNITS];
};

enum {
	CHUNK_HEADER_UNITS =
		(sizeof(struct chunk) + CHUNK_UNIT - 1) / CHUNK_UNIT,
};

/* Chunks that serve the same threads.  {0} is a valid empty pool. */
struct pool {
	struct chunk *chunks;
	size_t count; /* of chunks */
	size_t empty; /* of those, how many hold nothing */
	size_t keep;  /* so many are never given back */
	struct run *partial[CHUNK_CLASSES]; /* slabs with a free piece */
};

/* The chunk that p lies in, or the mapping whose first CHUNK_SIZE p is in. */
struct chunk *chunk_of(const void *p);

/* Add an empty chunk to pool.  NULL if no more memory can be locked. */
struct chunk *chunk_new(struct pool *pool);

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
