/* SPDX-License-Identifier: MIT */
#include "mem.h"

#include "arena.h"
#include "protect.h"
#include "stack.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum {
	ATTEMPTS = 8,
	/* A chunk in which the largest piece finds no room is so full. */
	RESERVE_BYTES = CHUNK_SIZE - CHUNK_HEADER_MAX * CHUNK_UNIT -
			(MEM_PIECE_MAX - CHUNK_UNIT),
	EARLY = MEM_POOLS, /* the heap before mem_harden() */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_shut; /* by the thread that asks */
static struct pool pools[] = {
	[MEM_COMMON] = {.kind = PAGES_SECRET, .limited = true},
	[MEM_RESERVE] = {.kind = PAGES_SECRET, .limited = true, .whole = true},
	[MEM_CACHE] = {.kind = PAGES_SECRET, .limited = true},
	[MEM_EXTENTS] = {.kind = PAGES_SECRET, .limited = true},
	[MEM_KEYS] = {.kind = PAGES_SECRET},
	[MEM_BOUNCE] = {.kind = PAGES_LOCKED},
	[MEM_PLAIN] = {.kind = PAGES_PLAIN},
	[EARLY] = {.kind = PAGES_PLAIN},
};

static struct {
	bool (*fn)(void *ctx);
	void *ctx;
} pressure;

static bool hardened;
static _Thread_local enum mem_pool in_use;

/* Has something been given back that was kept for later? */
static bool find_room(void)
{
	bool found = false;

	for (size_t i = 0; i < MEM_PLAIN; i++)
		while (i != MEM_RESERVE && chunk_trim(&pools[i], 0))
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

typedef void *alloc_fn(struct pool *pool, size_t size);

static void *try_alloc(struct pool *pool, size_t size, alloc_fn *alloc)
{
	void *p;

	(void)pthread_mutex_lock(&lock);
	p = alloc(pool, size);
	if (p == NULL && find_room())
		p = alloc(pool, size);
	(void)pthread_mutex_unlock(&lock);
	return p;
}

static void *alloc_from(struct pool *pool, size_t size, alloc_fn *alloc)
{
	void *p;

	if (size == 0)
		size = 1;
	p = try_alloc(pool, size, alloc);
	/* What is freed may be somebody else's before it can be ours. */
	for (unsigned i = 0; p == NULL && i < ATTEMPTS && relieve(); i++)
		p = try_alloc(pool, size, alloc);
	if (p == NULL)
		errno = ENOMEM;
	return p;
}

void *mem_alloc_in(enum mem_pool pool, size_t size)
{
	void *p = alloc_from(&pools[pool], size, arena_alloc);

	if (p == NULL && pool == MEM_KEYS && in_use != pool)
		p = mem_alloc(size);
	return p;
}

void *mem_alloc(size_t size)
{
	return mem_alloc_in(in_use, size);
}

void *mem_heap(size_t align, size_t size)
{
	struct pool *pool = &pools[hardened ? (size_t)in_use : EARLY];

	if (align > CHUNK_UNIT) {
		errno = ENOMEM;
		return NULL;
	}
	return alloc_from(pool, size,
			  align > 16 ? arena_alloc_aligned : arena_alloc);
}

void mem_free(void *p)
{
	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&lock);
	arena_free(p);
	(void)pthread_mutex_unlock(&lock);
}

void *mem_realloc(void *p, size_t size)
{
	struct pool *pool;
	size_t have;
	void *q;

	if (p == NULL)
		return mem_alloc(size);
	pool = arena_pool_of(p);
	if (in_use != MEM_COMMON && pool != &pools[MEM_KEYS])
		pool = &pools[in_use];
	have = arena_usable(p);
	q = size <= have && size >= have / 2
		    ? NULL
		    : alloc_from(pool, size, arena_alloc);
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

size_t mem_usable(void *p)
{
	return arena_usable(p);
}

size_t mem_size(size_t size)
{
	return arena_size(size);
}

int mem_harden(void)
{
	const struct rlimit none = {0, 0};
	int err;

	if (!PROTECT)
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    setrlimit(RLIMIT_CORE, &none) != 0)
		return -errno;
	err = stack_lock();
	(void)pthread_mutex_lock(&lock);
	if (err == 0)
		err = arena_lock(&pools[EARLY]);
	hardened = err == 0;
	(void)pthread_mutex_unlock(&lock);
	return err;
}

void mem_secret_limit(size_t bytes)
{
	(void)pthread_mutex_lock(&lock);
	chunk_secret_limit(bytes);
	(void)pthread_mutex_unlock(&lock);
}

bool mem_make_room(void)
{
	bool found;

	(void)pthread_mutex_lock(&lock);
	found = find_room();
	(void)pthread_mutex_unlock(&lock);
	return found || relieve();
}

void mem_trim(void)
{
	bool more = true;

	while (more) {
		more = false;
		(void)pthread_mutex_lock(&lock);
		for (size_t i = 0; !more && i < MEM_POOLS; i++)
			more = i != MEM_RESERVE &&
			       chunk_trim(&pools[i], 1 + pools[i].count / 8);
		(void)pthread_mutex_unlock(&lock);
	}
}

struct mem_usage mem_usage(void)
{
	return (struct mem_usage){pages_bytes(PAGES_SECRET),
				  pages_bytes(PAGES_LOCKED),
				  pages_bytes(PAGES_PLAIN)};
}

size_t mem_locked(void)
{
	struct mem_usage u = mem_usage();

	return u.secret + u.locked;
}

static int try_reserve(size_t chunks)
{
	struct pool *reserve = &pools[MEM_RESERVE];
	int err = 0;

	(void)pthread_mutex_lock(&lock);
	while (err == 0 && reserve->count < chunks)
		err = chunk_new(reserve, 1) != NULL || find_room() ? 0
								   : -ENOMEM;
	/* After a failure some may be more than promised, which harms nobody.
	 */
	if (err == 0 && reserve->keep < chunks)
		reserve->keep = chunks;
	(void)pthread_mutex_unlock(&lock);
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

void mem_shut(void)
{
	(void)pthread_mutex_lock(&lock);
	is_shut = true;
	/* The lock is kept. */
}

void mem_wipe_all(void)
{
	/* Whoever comes later must not see wiped links. */
	if (!is_shut)
		mem_shut();
	arena_wipe_huge();
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		chunk_wipe(&pools[i]);
}
