/* SPDX-License-Identifier: MIT */
/*
 * An arena of locked chunks.  A chunk is CHUNK bytes at a multiple of CHUNK,
 * so the chunk of any pointer is found by masking:
 *
 *	guard page | header | unit | unit | ... | unit | guard page
 *
 * Units of 4 KiB are handed out in runs.  A run serves one large piece or,
 * as a slab, many small ones of one size class.  Pieces that fit no chunk
 * get a mapping of their own, with the same start and the same guards.
 *
 * Free memory is always zero, which makes every allocation zeroed for free.
 */
#include "mem.h"

#include "pages.h"
#include "poison.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	CHUNK = 1 << 20,
	UNIT = 4096,
	UNITS = CHUNK / UNIT,
	SMALL_MAX = 2048, /* the largest piece that shares its run */
	RUN_MAX = UNITS / 2,
	HUGE_HEADER = 64,
};

static const uint16_t classes[] = {
	16,  32,  48,  64,  80,	 96,  112, 128,	 160,  192,  224,  256,
	320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048,
};
enum { CLASSES = sizeof(classes) / sizeof(classes[0]) };

/* A free piece of a slab; its first bytes link it to the next one. */
struct piece {
	struct piece *next;
};

enum unit_kind { FREE = 0, HEADER, RUN, SLAB };

/* What the header keeps of a run, at the index of the run's first unit. */
struct run {
	uint8_t kind;		 /* enum unit_kind */
	uint8_t class;		 /* SLAB: index into classes */
	uint16_t units;		 /* length of the run */
	uint16_t used;		 /* SLAB: pieces handed out */
	uint16_t first;		 /* index of the run's first unit */
	struct piece *free;	 /* SLAB */
	struct run *next, *prev; /* SLAB: among those with a free piece */
};

enum { MAGIC_CHUNK = 0x74617a31, MAGIC_HUGE = 0x74617a32 };

struct chunk {
	uint32_t magic;
	uint32_t free_units;
	size_t bytes; /* of the mapping between its guards */
	struct chunk *next, *prev;
	struct run runs[UNITS];
};
enum { HEADER_UNITS = (sizeof(struct chunk) + UNIT - 1) / UNIT };

/* The start of a mapping that holds one piece. */
struct huge {
	uint32_t magic;
	size_t size; /* what was asked for */
	size_t bytes;
	struct huge *next, *prev;
};
_Static_assert(sizeof(struct huge) <= HUGE_HEADER, "huge header");

static struct {
	pthread_mutex_t lock;
	struct chunk *chunks;
	struct chunk *spare; /* one that is empty, or NULL */
	struct huge *huge;
	struct run *partial[CLASSES]; /* slabs with a free piece */
	size_t locked;
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A locked mapping of its own, counted, or NULL. */
static void *map_locked(size_t bytes)
{
	void *body = pages_lock(bytes, CHUNK);

	if (body != NULL)
		arena.locked += bytes;
	return body;
}

static void unmap_locked(void *body, size_t bytes)
{
	arena.locked -= bytes;
	ASAN_UNPOISON_MEMORY_REGION(body, bytes);
	pages_free(body, bytes);
}

static struct chunk *chunk_of(const void *p)
{
	return (struct chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK - 1));
}

static uint8_t *run_start(struct run *r)
{
	return (uint8_t *)chunk_of(r) + (size_t)r->first * UNIT;
}

static struct chunk *chunk_new(void)
{
	struct chunk *c = map_locked(CHUNK);

	if (c == NULL)
		return NULL;
	c->magic = MAGIC_CHUNK;
	c->bytes = CHUNK;
	c->free_units = UNITS - HEADER_UNITS;
	for (size_t i = 0; i < HEADER_UNITS; i++)
		c->runs[i].kind = HEADER;
	ASAN_POISON_MEMORY_REGION((uint8_t *)c + (size_t)HEADER_UNITS * UNIT,
				  CHUNK - (size_t)HEADER_UNITS * UNIT);
	c->next = arena.chunks;
	if (c->next != NULL)
		c->next->prev = c;
	arena.chunks = c;
	return c;
}

/* The first of units free units in a row in c, or 0: unit 0 is the header. */
static size_t chunk_find(const struct chunk *c, size_t units)
{
	size_t found = 0;

	if (c->free_units < units)
		return 0;
	for (size_t i = HEADER_UNITS; i < UNITS; i++) {
		if (c->runs[i].kind != FREE) {
			found = 0;
			continue;
		}
		if (++found == units)
			return i + 1 - units;
	}
	return 0;
}

static struct run *run_new(size_t units, enum unit_kind kind)
{
	struct chunk *c;
	size_t first = 0;
	struct run *r;

	for (c = arena.chunks; c != NULL; c = c->next) {
		first = chunk_find(c, units);
		if (first != 0)
			break;
	}
	if (c == NULL) {
		c = chunk_new();
		if (c == NULL)
			return NULL;
		first = HEADER_UNITS;
	}
	if (c == arena.spare)
		arena.spare = NULL;
	for (size_t i = first; i < first + units; i++) {
		c->runs[i] = (struct run){.kind = (uint8_t)kind,
					  .first = (uint16_t)first};
	}
	c->free_units -= (uint32_t)units;
	r = &c->runs[first];
	r->units = (uint16_t)units;
	return r;
}

static void chunk_free(struct chunk *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		arena.chunks = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	unmap_locked(c, c->bytes);
}

/* The run's memory must be zero already. */
static void run_free(struct run *r)
{
	struct chunk *c = chunk_of(r);
	size_t first = r->first, units = r->units;

	ASAN_POISON_MEMORY_REGION(run_start(r), units * UNIT);
	for (size_t i = first; i < first + units; i++)
		c->runs[i] = (struct run){0};
	c->free_units += (uint32_t)units;
	if (c->free_units < UNITS - HEADER_UNITS)
		return;
	/* One empty chunk is kept, so that a busy edge maps nothing anew. */
	if (arena.spare != NULL)
		chunk_free(c);
	else
		arena.spare = c;
}

static void partial_add(struct run *r)
{
	r->prev = NULL;
	r->next = arena.partial[r->class];
	if (r->next != NULL)
		r->next->prev = r;
	arena.partial[r->class] = r;
}

static void partial_remove(struct run *r)
{
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		arena.partial[r->class] = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	r->next = r->prev = NULL;
}

static struct run *slab_new(size_t class)
{
	size_t size = classes[class];
	size_t units = size <= 256 ? 1 : 4;
	struct run *r = run_new(units, SLAB);
	uint8_t *start;

	if (r == NULL)
		return NULL;
	r->class = (uint8_t) class;
	start = run_start(r);
	ASAN_UNPOISON_MEMORY_REGION(start, units * UNIT);
	for (size_t i = units * UNIT / size; i-- > 0;) {
		struct piece *p = (struct piece *)(start + i * size);

		p->next = r->free;
		r->free = p;
	}
	ASAN_POISON_MEMORY_REGION(start, units * UNIT);
	partial_add(r);
	return r;
}

static void *small_alloc(size_t size)
{
	size_t class = 0;
	struct run *r;
	struct piece *p;

	while (classes[class] < size)
		class ++;
	r = arena.partial[class];
	if (r == NULL)
		r = slab_new(class);
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
	ASAN_UNPOISON_MEMORY_REGION(run_start(r), (size_t)r->units * UNIT);
	explicit_bzero(run_start(r), (size_t)r->units * UNIT);
	run_free(r);
}

static void *huge_alloc(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (size + HUGE_HEADER + page - 1) & ~(page - 1);
	struct huge *h;

	if (bytes < size)
		return NULL;
	h = map_locked(bytes);
	if (h == NULL)
		return NULL;
	h->magic = MAGIC_HUGE;
	h->size = size;
	h->bytes = bytes;
	h->next = arena.huge;
	if (h->next != NULL)
		h->next->prev = h;
	arena.huge = h;
	return (uint8_t *)h + HUGE_HEADER;
}

static void huge_free(struct huge *h)
{
	if (h->prev != NULL)
		h->prev->next = h->next;
	else
		arena.huge = h->next;
	if (h->next != NULL)
		h->next->prev = h->prev;
	explicit_bzero((uint8_t *)h + HUGE_HEADER, h->bytes - HUGE_HEADER);
	unmap_locked(h, h->bytes);
}

static void *run_alloc(size_t size)
{
	size_t units = (size + UNIT - 1) / UNIT;
	struct run *r = run_new(units, RUN);

	if (r == NULL)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(run_start(r), units * UNIT);
	return run_start(r);
}

/* The run that the piece p is of; a pointer not ours ends the process. */
static struct run *run_of(void *p)
{
	struct chunk *c = chunk_of(p);
	struct run *r;
	size_t at;

	if (c->magic != MAGIC_CHUNK)
		abort();
	r = &c->runs[((uintptr_t)p - (uintptr_t)c) / UNIT];
	r = &c->runs[r->first];
	at = (size_t)((uint8_t *)p - run_start(r));
	if (r->kind == RUN && at == 0)
		return r;
	if (r->kind == SLAB && at % classes[r->class] == 0 &&
	    at + classes[r->class] <= (size_t)r->units * UNIT)
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

static size_t usable(void *p)
{
	struct huge *h = huge_of(p);
	struct run *r;

	if (h != NULL)
		return h->bytes - HUGE_HEADER;
	r = run_of(p);
	return r->kind == SLAB ? classes[r->class] : (size_t)r->units * UNIT;
}

void *mem_alloc(size_t size)
{
	void *p;

	if (size == 0)
		size = 1;
	(void)pthread_mutex_lock(&arena.lock);
	if (size <= SMALL_MAX)
		p = small_alloc(size);
	else if (size <= (size_t)RUN_MAX * UNIT)
		p = run_alloc(size);
	else
		p = huge_alloc(size);
	(void)pthread_mutex_unlock(&arena.lock);
	if (p == NULL)
		errno = ENOMEM;
	return p;
}

void mem_free(void *p)
{
	struct huge *h;
	struct run *r;

	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&arena.lock);
	h = huge_of(p);
	if (h != NULL) {
		huge_free(h);
	} else {
		r = run_of(p);
		if (r->kind == SLAB) {
			small_free(r, p);
		} else {
			explicit_bzero(p, (size_t)r->units * UNIT);
			run_free(r);
		}
	}
	(void)pthread_mutex_unlock(&arena.lock);
}

void *mem_realloc(void *p, size_t size)
{
	size_t have;
	void *q;

	if (p == NULL)
		return mem_alloc(size);
	have = usable(p);
	q = size <= have && size >= have / 2 ? NULL : mem_alloc(size);
	if (q == NULL && size > have)
		return NULL;
	if (q == NULL) {
		/* What is cut off now must read as zero if it grows again. */
		explicit_bzero((uint8_t *)p + size, have - size);
		return p;
	}
	memcpy(q, p, have < size ? have : size);
	mem_free(p);
	return q;
}

int mem_harden(void)
{
	const struct rlimit none = {0, 0};
	void *first;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    setrlimit(RLIMIT_CORE, &none) != 0)
		return -errno;
	first = mem_alloc(1);
	if (first == NULL)
		return -ENOMEM;
	mem_free(first);
	return 0;
}

size_t mem_locked(void)
{
	size_t n;

	(void)pthread_mutex_lock(&arena.lock);
	n = arena.locked;
	(void)pthread_mutex_unlock(&arena.lock);
	return n;
}

void mem_wipe_all(void)
{
	(void)pthread_mutex_lock(&arena.lock);
	for (struct huge *h = arena.huge; h != NULL; h = h->next)
		explicit_bzero((uint8_t *)h + HUGE_HEADER,
			       h->bytes - HUGE_HEADER);
	for (struct chunk *c = arena.chunks; c != NULL; c = c->next) {
		uint8_t *body = (uint8_t *)c + (size_t)HEADER_UNITS * UNIT;
		size_t len = c->bytes - (size_t)HEADER_UNITS * UNIT;

		ASAN_UNPOISON_MEMORY_REGION(body, len);
		explicit_bzero(body, len);
	}
	/* The lock is kept: whoever comes later must not see wiped links. */
}
