/* SPDX-License-Identifier: MIT */
/*
 * An arena of chunks (chunk.h).  A run of units serves one large piece or, as
 * a slab, many small ones of one size class.  Pieces that fit no chunk get a
 * mapping of their own, with the same start and the same guards.
 *
 * Free memory is always zero, which makes every allocation zeroed for free.
 */
#include "mem.h"

#include "chunk.h"
#include "pages.h"
#include "poison.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	SMALL_MAX = 2048, /* the largest piece that shares its run */
	RUN_MAX = CHUNK_UNITS / 2,
	HUGE_HEADER = 64,
	MAGIC_HUGE = 0x74617a32,
	ATTEMPTS = 8,
	/* A chunk in which the largest piece finds no room is so full. */
	RESERVE_BYTES = CHUNK_SIZE - CHUNK_HEADER_UNITS * CHUNK_UNIT -
			(MEM_PIECE_MAX - CHUNK_UNIT),
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
	size_t size; /* what was asked for */
	size_t bytes;
	struct huge *next, *prev;
};
_Static_assert(sizeof(struct huge) <= HUGE_HEADER, "huge header");

static struct {
	pthread_mutex_t lock;
	struct pool common, reserve, cache;
	struct huge *huge;
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
	bool (*fn)(void *ctx);
	void *ctx;
} pressure;

static _Thread_local enum mem_pool in_use;

static struct pool *pool_in_use(void)
{
	switch (in_use) {
	case MEM_RESERVE:
		return &arena.reserve;
	case MEM_CACHE:
		return &arena.cache;
	default:
		return &arena.common;
	}
}

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

static struct run *slab_new(size_t class)
{
	size_t size = classes[class];
	size_t units = slab_units(size);
	struct run *r = chunk_run_new(pool_in_use(), units, CHUNK_SLAB);
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

static void *small_alloc(size_t size)
{
	size_t class = class_of(size);
	struct run *r;
	struct piece *p;

	r = pool_in_use()->partial[class];
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
	ASAN_UNPOISON_MEMORY_REGION(chunk_run_start(r),
				    (size_t)r->units * CHUNK_UNIT);
	explicit_bzero(chunk_run_start(r), (size_t)r->units * CHUNK_UNIT);
	chunk_run_free(r);
}

static void *huge_alloc(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (size + HUGE_HEADER + page - 1) & ~(page - 1);
	struct huge *h;

	if (bytes < size)
		return NULL;
	h = pages_lock(bytes, CHUNK_SIZE);
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
	pages_free(h, h->bytes);
}

static void *run_alloc(size_t size)
{
	size_t units = (size + CHUNK_UNIT - 1) / CHUNK_UNIT;
	struct run *r = chunk_run_new(pool_in_use(), units, CHUNK_RUN);

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

static size_t usable(void *p)
{
	struct huge *h = huge_of(p);
	struct run *r;

	if (h != NULL)
		return h->bytes - HUGE_HEADER;
	r = run_of(p);
	return r->kind == CHUNK_SLAB ? classes[r->class]
				     : (size_t)r->units * CHUNK_UNIT;
}

static void *alloc(size_t size)
{
	if (size <= SMALL_MAX)
		return small_alloc(size);
	if (size <= (size_t)RUN_MAX * CHUNK_UNIT)
		return run_alloc(size);
	return huge_alloc(size);
}

/* Has something been given back that was kept for later? */
static bool find_room(void)
{
	bool found = false;

	while (chunk_trim(&arena.common, 0) || chunk_trim(&arena.cache, 0))
		found = true;
	return found;
}

/* Without the lock: what can be done without is freed as everything is. */
static bool relieve(void)
{
	return pressure.fn != NULL && pressure.fn(pressure.ctx);
}

void mem_on_pressure(bool (*fn)(void *ctx), void *ctx)
{
	pressure.fn = fn;
	pressure.ctx = ctx;
}

static void *try_alloc(size_t size)
{
	void *p;

	(void)pthread_mutex_lock(&arena.lock);
	p = alloc(size);
	if (p == NULL && find_room())
		p = alloc(size);
	(void)pthread_mutex_unlock(&arena.lock);
	return p;
}

void *mem_alloc(size_t size)
{
	void *p;

	if (size == 0)
		size = 1;
	p = try_alloc(size);
	/* What is freed may be somebody else's before it can be ours. */
	for (unsigned i = 0; p == NULL && i < ATTEMPTS && relieve(); i++)
		p = try_alloc(size);
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
		if (r->kind == CHUNK_SLAB) {
			small_free(r, p);
		} else {
			explicit_bzero(p, (size_t)r->units * CHUNK_UNIT);
			chunk_run_free(r);
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

size_t mem_size(size_t size)
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

void mem_trim(void)
{
	bool more = true;

	while (more) {
		(void)pthread_mutex_lock(&arena.lock);
		more = chunk_trim(&arena.common, 1 + arena.common.count / 8) ||
		       chunk_trim(&arena.cache, 1);
		(void)pthread_mutex_unlock(&arena.lock);
	}
}

size_t mem_locked(void)
{
	return pages_locked();
}

static int try_reserve(size_t chunks)
{
	int err = 0;

	(void)pthread_mutex_lock(&arena.lock);
	while (err == 0 && arena.reserve.count < chunks)
		err = chunk_new(&arena.reserve) != NULL || find_room()
			      ? 0
			      : -ENOMEM;
	/* After a failure some may be more than promised, which harms nobody.
	 */
	if (err == 0 && arena.reserve.keep < chunks)
		arena.reserve.keep = chunks;
	(void)pthread_mutex_unlock(&arena.lock);
	return err;
}

int mem_reserve(size_t bytes)
{
	size_t chunks = (bytes + RESERVE_BYTES - 1) / RESERVE_BYTES;
	int err = try_reserve(chunks);

	for (unsigned i = 0; err != 0 && i < ATTEMPTS && relieve(); i++)
		err = try_reserve(chunks);
	return err;
}

enum mem_pool mem_use(enum mem_pool pool)
{
	enum mem_pool before = in_use;

	in_use = pool;
	return before;
}

void mem_wipe_all(void)
{
	(void)pthread_mutex_lock(&arena.lock);
	for (struct huge *h = arena.huge; h != NULL; h = h->next)
		explicit_bzero((uint8_t *)h + HUGE_HEADER,
			       h->bytes - HUGE_HEADER);
	chunk_wipe(&arena.common);
	chunk_wipe(&arena.reserve);
	chunk_wipe(&arena.cache);
	/* The lock is kept: whoever comes later must not see wiped links. */
}
