/* SPDX-License-Identifier: MIT */
#include "chunk.h"

#include "poison.h"

#include <string.h>

struct chunk *chunk_of(const void *p)
{
	return (struct chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK_SIZE - 1));
}

uint8_t *chunk_run_start(struct run *r)
{
	return (uint8_t *)chunk_of(r) + (size_t)r->first * CHUNK_UNIT;
}

static bool is_empty(const struct chunk *c)
{
	return c->free_units == c->units - c->header;
}

static size_t secret_limit;

void chunk_secret_limit(size_t bytes)
{
	secret_limit = bytes;
}

enum pages_kind chunk_kind_for(const struct pool *pool, size_t bytes)
{
	if (pool->kind == PAGES_SECRET && pool->limited &&
	    pages_bytes(PAGES_SECRET) + bytes > secret_limit)
		return PAGES_LOCKED;
	return pool->kind;
}

/* Units that the header of a chunk of so many takes. */
static size_t header_of(size_t units)
{
	return (sizeof(struct chunk) + units * sizeof(struct run) + CHUNK_UNIT -
		1) /
	       CHUNK_UNIT;
}

/*
 * Map a chunk for pool with room for a run of units: few at first, then whole
 * ones; smaller ones again where that is all that may be locked.
 */
static struct chunk *map_chunk(const struct pool *pool, size_t units,
			       size_t *size)
{
	struct chunk *c = NULL;

	*size = pool->whole || pool->count >= 4 ? CHUNK_UNITS : CHUNK_FEW;
	while (*size < CHUNK_UNITS && *size - header_of(*size) < units)
		*size *= 2;
	while (*size - header_of(*size) >= units) {
		enum pages_kind kind = chunk_kind_for(pool, *size * CHUNK_UNIT);

		c = pages_map(*size * CHUNK_UNIT, CHUNK_SIZE, &kind);
		if (c != NULL)
			c->kind = (uint8_t)kind;
		if (c != NULL || pool->whole || *size <= CHUNK_FEW / 4)
			break;
		*size /= 2;
	}
	return c;
}

struct chunk *chunk_new(struct pool *pool, size_t units)
{
	size_t size, header;
	struct chunk *c = map_chunk(pool, units, &size);

	if (c == NULL)
		return NULL;
	header = header_of(size);
	c->magic = CHUNK_MAGIC;
	c->units = (uint16_t)size;
	c->header = (uint16_t)header;
	c->free_units = (uint16_t)(size - header);
	for (size_t i = 0; i < header; i++)
		c->runs[i].kind = CHUNK_HEADER;
	ASAN_POISON_MEMORY_REGION((uint8_t *)c + header * CHUNK_UNIT,
				  (size - header) * CHUNK_UNIT);
	c->pool = pool;
	c->next = pool->chunks;
	if (c->next != NULL)
		c->next->prev = c;
	pool->chunks = c;
	pool->count++;
	pool->empty++;
	return c;
}

/* The first of units free units in a row in c, or 0: unit 0 is the header. */
static size_t chunk_find(const struct chunk *c, size_t units)
{
	size_t found = 0;

	if (c->free_units < units)
		return 0;
	for (size_t i = c->header; i < c->units; i++) {
		if (c->runs[i].kind != CHUNK_FREE) {
			found = 0;
			continue;
		}
		if (++found == units)
			return i + 1 - units;
	}
	return 0;
}

struct run *chunk_run_new(struct pool *pool, size_t units, enum chunk_kind kind)
{
	struct chunk *c;
	size_t first = 0;
	struct run *r;

	for (c = pool->chunks; c != NULL; c = c->next) {
		first = chunk_find(c, units);
		if (first != 0)
			break;
	}
	if (c == NULL) {
		c = chunk_new(pool, units);
		if (c == NULL)
			return NULL;
		first = c->header;
	}
	if (is_empty(c))
		pool->empty--;
	for (size_t i = first; i < first + units; i++) {
		c->runs[i] = (struct run){.kind = (uint8_t)kind,
					  .first = (uint16_t)first};
	}
	c->free_units = (uint16_t)(c->free_units - units);
	r = &c->runs[first];
	r->units = (uint16_t)units;
	return r;
}

static void chunk_free(struct chunk *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->pool->chunks = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->pool->count--;
	c->pool->empty--;
	ASAN_UNPOISON_MEMORY_REGION(c, (size_t)c->units * CHUNK_UNIT);
	pages_unmap(c, (size_t)c->units * CHUNK_UNIT, c->kind);
}

void chunk_run_free(struct run *r)
{
	struct chunk *c = chunk_of(r);
	struct pool *pool = c->pool;
	size_t first = r->first, units = r->units;

	ASAN_POISON_MEMORY_REGION(chunk_run_start(r), units * CHUNK_UNIT);
	for (size_t i = first; i < first + units; i++)
		c->runs[i] = (struct run){0};
	c->free_units = (uint16_t)(c->free_units + units);
	if (!is_empty(c))
		return;
	pool->empty++;
	/*
	 * Locking costs more than writing, and what is freed may soon be
	 * needed again.
	 */
	if (pool->empty > 1 + pool->count / 2 && pool->count > pool->keep)
		chunk_free(c);
}

bool chunk_trim(struct pool *pool, size_t spare)
{
	struct chunk *c = pool->chunks;

	if (pool->empty <= spare || pool->count <= pool->keep)
		return false;
	while (c != NULL && !is_empty(c))
		c = c->next;
	if (c == NULL)
		return false;
	chunk_free(c);
	return true;
}

void chunk_wipe(struct pool *pool)
{
	for (struct chunk *c = pool->chunks; c != NULL; c = c->next) {
		uint8_t *body = (uint8_t *)c + (size_t)c->header * CHUNK_UNIT;
		size_t len = (size_t)(c->units - c->header) * CHUNK_UNIT;

		ASAN_UNPOISON_MEMORY_REGION(body, len);
		explicit_bzero(body, len);
	}
}
