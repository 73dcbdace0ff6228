/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FS_COUNTING_MEM_H
#define TZ_TESTS_FS_COUNTING_MEM_H

/*
 * crypto/mem.h on top of malloc(3), for one program: it counts what is handed
 * out, so that not one forgotten byte stays unseen, and it can be told to run
 * out of memory at any allocation.  Under AddressSanitizer each piece has red
 * zones of its own.  Defining all of mem.h keeps its own object out.
 */
#include "common.h"
#include "crypto/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

void mem_trim(void)
{
}

bool mem_make_room(void)
{
	return false;
}

void mem_on_pressure(bool (*fn)(void *ctx), void *ctx)
{
	(void)fn;
	(void)ctx;
}

static size_t mem_pieces;	 /* handed out and not freed */
static size_t mem_bytes;	 /* ... and their sizes */
static size_t mem_most;		 /* the highest that mem_bytes has been */
static ssize_t mem_fail_in = -1; /* allocations until one fails; < 0: never */

struct counted {
	size_t size;
	size_t pad; /* keeps what follows aligned for any type */
};

/*
 * What was freed last is not given back to malloc(3) yet, so that a write to
 * it is seen.  AddressSanitizer sees for itself, reads too.
 */
#ifdef __SANITIZE_ADDRESS__
enum { GRAVES = 0 };
#else
enum { GRAVES = 512 };
#endif
static struct counted *graves[GRAVES + 1];
static size_t next_grave;

/* Whether nobody has written to what is in grave i; it is empty then. */
static inline bool grave_clear(size_t i)
{
	const uint8_t *p = (const uint8_t *)graves[i];
	bool untouched = true;

	for (size_t j = sizeof(struct counted);
	     p != NULL && j < sizeof(struct counted) + graves[i]->size; j++)
		untouched = untouched && p[j] == 0xdb;
	free(graves[i]);
	graves[i] = NULL;
	return untouched;
}

static inline void bury(struct counted *c)
{
	/* What is used after it was freed is not to look as it did before. */
	memset(c + 1, 0xdb, c->size);
	if (GRAVES == 0 || c->size > 65536) {
		free(c);
		return;
	}
	assert(grave_clear(next_grave));
	graves[next_grave] = c;
	next_grave = (next_grave + 1) % (GRAVES + 1);
}

static inline bool mem_is_out(void)
{
	return mem_fail_in >= 0 && mem_fail_in-- == 0;
}

void *mem_alloc(size_t size)
{
	struct counted *c = mem_is_out() ? NULL : calloc(1, sizeof(*c) + size);

	if (c == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	c->size = size;
	mem_pieces++;
	mem_bytes += size;
	if (mem_bytes > mem_most)
		mem_most = mem_bytes;
	return c + 1;
}

void *mem_alloc_in(enum mem_pool pool, size_t size)
{
	(void)pool;
	return mem_alloc(size);
}

void *mem_heap(size_t align, size_t size)
{
	(void)align;
	return mem_alloc(size);
}

void mem_free(void *p)
{
	struct counted *c = p;

	if (p == NULL)
		return;
	c--;
	assert(mem_pieces > 0);
	mem_pieces--;
	mem_bytes -= c->size;
	bury(c);
}

/* It always moves, so that a pointer kept over it is a dead one. */
void *mem_realloc(void *p, size_t size)
{
	void *q = mem_alloc(size);
	size_t have = p != NULL ? ((struct counted *)p - 1)->size : 0;

	if (q == NULL)
		return NULL;
	if (p != NULL)
		memcpy(q, p, have < size ? have : size);
	mem_free(p);
	return q;
}

size_t mem_size(size_t size)
{
	return size;
}

size_t mem_usable(void *p)
{
	return ((struct counted *)p - 1)->size;
}

void mem_secret_limit(size_t bytes)
{
	(void)bytes;
}

struct mem_usage mem_usage(void)
{
	return (struct mem_usage){.locked = mem_bytes};
}

size_t mem_locked(void)
{
	return mem_bytes;
}

int mem_harden(void)
{
	return 0;
}

int mem_reserve(size_t bytes)
{
	(void)bytes;
	return mem_is_out() ? -ENOMEM : 0;
}

enum mem_pool mem_use(enum mem_pool pool)
{
	static enum mem_pool used;
	enum mem_pool before = used;

	used = pool;
	return before;
}

void mem_wipe_all(void)
{
}

/* So that what a failed test has not freed counts for no other. */
static inline int count_from_zero(void **state)
{
	(void)state;
	mem_pieces = mem_bytes = mem_most = 0;
	mem_fail_in = -1;
	return 0;
}

/* After each test: whatever was freed has been left alone since. */
static inline int check_graves(void **state)
{
	bool untouched = true;

	(void)state;
	for (size_t i = 0; i <= GRAVES; i++)
		untouched = grave_clear(i) && untouched;
	if (!untouched)
		print_error("memory was written to after it was freed\n");
	return untouched ? 0 : -1;
}

#define counted_test(f)                                                        \
	cmocka_unit_test_setup_teardown(f, count_from_zero, check_graves)

#endif
