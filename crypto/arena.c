/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include "poison.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	SMALL_MAX = 2048, /* the largest piece that shares its run */
	RUN_MAX = CHUNK_UNITS / 2,
	HUGE_HEADER = CHUNK_UNIT, /* so that what follows is as aligned */
	MAGIC_HUGE = 0x74617a32,
};

static const uint16_t classes[CHUNK_CLASSES] = {
	16,  32,  48,  64,  80,	 96,  112, 128,	 160,  192,  224,  256,
	320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048,
};

/* A free piece of a slab; its first bytes link it to the next one. */
struct piece {
	struct piece *next;
};

/* The start of a mapping that holds one piece. */
struct huge {
	uint32_t magic;
	enum pages_kind kind;
	size_t bytes;
	struct pool *pool;
	struct huge *next, *prev;
};
_Static_assert(sizeof(struct huge) <= HUGE_HEADER, "huge header");

static struct huge *all_huge;

static struct run **partial_of(const struct run *r)
{
	return &chunk_of(r)->pool->partial[r->class];
}

static void partial_add(struct run *r)
{
	struct run **list = partial_of(r);

	r->prev = NULL;
	r->next = *list;
	if (r->next != NULL)
		r->next->prev = r;
	*list = r;
}

static void partial_remove(struct run *r)
{
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		*partial_of(r) = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	r->next = r->prev = NULL;
}

static size_t class_of(size_t size)
{
	size_t class = 0;

	while (classes[class] < size)
		class ++;
	return class;
}

/* How many units a slab of pieces of size bytes has. */
static size_t slab_units(size_t size)
{
	return size <= 256 ? 1 : 4;
}

static struct run *slab_new(struct pool *pool, size_t class)
{
	size_t size = classes[class];
	size_t units = slab_units(size);
	struct run *r = chunk_run_new(pool, units, CHUNK_SLAB);
	uint8_t *start;

	if (r == NULL)
		return NULL;
	r->class = (uint8_t) class;
	start = chunk_run_start(r);
	ASAN_UNPOISON_MEMORY_REGION(start, units * CHUNK_UNIT);
	for (size_t i = units * CHUNK_UNIT / size; i-- > 0;) {
		struct piece *p = (struct piece *)(start + i * size);

		p->next = r->free;
		r->free = p;
	}
	ASAN_POISON_MEMORY_REGION(start, units * CHUNK_UNIT);
	partial_add(r);
	return r;
}

static void *small_alloc(struct pool *pool, size_t size)
{
	size_t class = class_of(size);
	struct run *r;
	struct piece *p;

	r = pool->partial[class];
	if (r == NULL)
		r = slab_new(pool, class);
	if (r == NULL)
		return NULL;
	p = r->free;
	ASAN_UNPOISON_MEMORY_REGION(p, classes[class]);
	r->free = p->next;
	p->next = NULL;
	r->used++;
	if (r->free == NULL)
		partial_remove(r);
	return p;
}

static void small_free(struct run *r, void *ptr)
{
	struct piece *p = ptr;
	size_t size = classes[r->class];

	explicit_bzero(ptr, size);
	if (r->free == NULL)
		partial_add(r);
	r->used--;
	if (r->used > 0) {
		p->next = r->free;
		r->free = p;
		ASAN_POISON_MEMORY_REGION(ptr, size);
		return;
	}
	partial_remove(r);
	/* All that is left in the run are the links between its pieces. */
	ASAN_UNPOISON_MEMORY_REGION(chunk_run_start(r),
				    (size_t)r->units * CHUNK_UNIT);
	explicit_bzero(chunk_run_start(r), (size_t)r->units * CHUNK_UNIT);
	chunk_run_free(r);
}

static void *huge_alloc(struct pool *pool, size_t size)
{
	size_t page = pages_size();
	size_t bytes = (size + HUGE_HEADER + page - 1) & ~(page - 1);
	enum pages_kind kind = chunk_kind_for(pool, bytes);
	struct huge *h;

	if (bytes < size)
		return NULL;
	h = pages_map(bytes, CHUNK_SIZE, &kind);
	if (h == NULL)
		return NULL;
	h->magic = MAGIC_HUGE;
	h->kind = kind;
	h->bytes = bytes;
	h->pool = pool;
	h->next = all_huge;
	if (h->next != NULL)
		h->next->prev = h;
	all_huge = h;
	return (uint8_t *)h + HUGE_HEADER;
}

static void huge_free(struct huge *h)
{
	if (h->prev != NULL)
		h->prev->next = h->next;
	else
		all_huge = h->next;
	if (h->next != NULL)
		h->next->prev = h->prev;
	/* What is not locked holds no plaintext, and is gone with this. */
	if (h->kind != PAGES_PLAIN)
		explicit_bzero((uint8_t *)h + HUGE_HEADER,
			       h->bytes - HUGE_HEADER);
	pages_unmap(h, h->bytes, h->kind);
}

static void *run_alloc(struct pool *pool, size_t size)
{
	size_t units = (size + CHUNK_UNIT - 1) / CHUNK_UNIT;
	struct run *r = chunk_run_new(pool, units, CHUNK_RUN);

	if (r == NULL)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(chunk_run_start(r), units * CHUNK_UNIT);
	return chunk_run_start(r);
}

/* The run that the piece p is of; a pointer not ours ends the process. */
static struct run *run_of(void *p)
{
	struct chunk *c = chunk_of(p);
	struct run *r;
	size_t at;

	if (c->magic != CHUNK_MAGIC)
		abort();
	r = &c->runs[((uintptr_t)p - (uintptr_t)c) / CHUNK_UNIT];
	r = &c->runs[r->first];
	at = (size_t)((uint8_t *)p - chunk_run_start(r));
	if (r->kind == CHUNK_RUN && at == 0)
		return r;
	if (r->kind == CHUNK_SLAB && at % classes[r->class] == 0 &&
	    at + classes[r->class] <= (size_t)r->units * CHUNK_UNIT)
		return r;
	abort();
}

/* The mapping that p is alone in, or NULL. */
static struct huge *huge_of(void *p)
{
	struct huge *h = (struct huge *)chunk_of(p);

	if (h->magic != MAGIC_HUGE)
		return NULL;
	if ((uint8_t *)p != (uint8_t *)h + HUGE_HEADER)
		abort();
	return h;
}

size_t arena_usable(void *p)
{
	struct huge *h = huge_of(p);
	struct run *r;

	if (h != NULL)
		return h->bytes - HUGE_HEADER;
	r = run_of(p);
	return r->kind == CHUNK_SLAB ? classes[r->class]
				     : (size_t)r->units * CHUNK_UNIT;
}

void *arena_alloc(struct pool *pool, size_t size)
{
	if (size <= SMALL_MAX)
		return small_alloc(pool, size);
	if (size <= (size_t)RUN_MAX * CHUNK_UNIT)
		return run_alloc(pool, size);
	return huge_alloc(pool, size);
}

void *arena_alloc_aligned(struct pool *pool, size_t size)
{
	return arena_alloc(pool, size > SMALL_MAX ? size : SMALL_MAX + 1);
}

void arena_free(void *p)
{
	struct huge *h = huge_of(p);
	struct run *r;

	if (h != NULL) {
		huge_free(h);
		return;
	}
	r = run_of(p);
	if (r->kind == CHUNK_SLAB) {
		small_free(r, p);
		return;
	}
	explicit_bzero(p, (size_t)r->units * CHUNK_UNIT);
	chunk_run_free(r);
}

struct pool *arena_pool_of(void *p)
{
	const struct huge *h = huge_of(p);

	return h != NULL ? h->pool : chunk_of(p)->pool;
}

size_t arena_size(size_t size)
{
	size_t slab, pieces;

	if (size > SMALL_MAX)
		return (size + CHUNK_UNIT - 1) / CHUNK_UNIT * CHUNK_UNIT;
	/* Its part of a slab, with what that has left over at its end. */
	size = classes[class_of(size)];
	slab = slab_units(size) * CHUNK_UNIT;
	pieces = slab / size;
	return (slab + pieces - 1) / pieces;
}

int arena_lock(struct pool *pool)
{
	int err = 0;

	for (struct chunk *c = pool->chunks; err == 0 && c != NULL;
	     c = c->next) {
		err = pages_lock(c, (size_t)c->units * CHUNK_UNIT);
		c->kind = PAGES_LOCKED;
	}
	for (struct huge *h = all_huge; err == 0 && h != NULL; h = h->next) {
		if (h->pool != pool)
			continue;
		err = pages_lock(h, h->bytes);
		h->kind = PAGES_LOCKED;
	}
	if (err == 0)
		pool->kind = PAGES_LOCKED;
	return err;
}

void arena_wipe_huge(void)
{
	for (struct huge *h = all_huge; h != NULL; h = h->next)
		explicit_bzero((uint8_t *)h + HUGE_HEADER,
			       h->bytes - HUGE_HEADER);
}
