/* SPDX-License-Identifier: MIT */
/* What mem.h promises of the memory it hands out. */
#include "crypto/mem.h"
#include "common.h"
#include "crypto/secret.h"
#include "procfs.h"

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* 1 to 2049 one by one, then both sides of what may be a border. */
static const size_t large[] = {
	3000,	   4095,
	4096,	   4097,
	8192,	   16 * KIB + 1,
	64 * KIB,  100000,
	256 * KIB, 512 * KIB - 1,
	512 * KIB, 512 * KIB + 1,
	513 * KIB, MIB - 4096 - 64,
	MIB - 64,  MIB,
	MIB + 1,   3 * MIB,
};
enum { LARGE = sizeof(large) / sizeof(large[0]), SIZES = 2049 + LARGE };

static size_t size_at(size_t i)
{
	return i < 2049 ? i + 1 : large[i - 2049];
}

static uint8_t *take(size_t size)
{
	uint8_t *p = mem_alloc(size);

	assert_non_null(p);
	return p;
}

/* Bytes that tell a piece and a place in it apart from others. */
static void fill(uint8_t *p, size_t n, size_t seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((i + seed) % 251 + 1);
}

static bool is_filled(const uint8_t *p, size_t n, size_t seed)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != (uint8_t)((i + seed) % 251 + 1))
			return false;
	}
	return true;
}

static void zeroes_new_and_reused_memory_of_every_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		for (int again = 0; again < 3; again++) {
			uint8_t *p = take(size_at(i)), *q = take(size_at(i));

			assert_true(all_bytes(p, size_at(i), 0));
			assert_true(all_bytes(q, size_at(i), 0));
			memset(p, 0xa5, size_at(i));
			memset(q, 0xa5, size_at(i));
			mem_free(p);
			mem_free(q);
		}
	}
}

static void aligns_memory_of_every_size_for_any_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		uint8_t *p = take(size_at(i)), *q = take(size_at(i));

		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		assert_int_equal((uintptr_t)q % alignof(max_align_t), 0);
		mem_free(p);
		mem_free(q);
	}
}

static void gives_every_piece_its_own_place(void **state)
{
	enum { COUNT = 2049 + 8 }; /* up to 100,000 bytes */
	static uint8_t *pieces[COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		pieces[i] = take(size_at(i));
		fill(pieces[i], size_at(i), i);
	}
	/* 7 and COUNT share no factor: every piece is met, out of order. */
	for (size_t n = 0, i = 3; n < COUNT; n++, i = (i + 7) % COUNT) {
		assert_true(is_filled(pieces[i], size_at(i), i));
		mem_free(pieces[i]);
	}
}

static void takes_a_size_of_0_as_1(void **state)
{
	uint8_t *p = take(0), *q = take(0);

	(void)state;
	assert_ptr_not_equal(p, q);
	*p = 1;
	assert_int_equal(*q, 0);
	mem_free(p);
	mem_free(q);
	mem_free(NULL);
}

static void refuses_sizes_that_no_machine_has(void **state)
{
	static const size_t sizes[] = {
		SIZE_MAX,	    SIZE_MAX - 63,    SIZE_MAX - 64,
		SIZE_MAX - 4095,    SIZE_MAX - 4160,  SIZE_MAX - MIB,
		SIZE_MAX - 2 * MIB, SIZE_MAX / 2 + 1,
	};
	uint8_t *p = take(100);
	size_t locked = mem_locked();

	(void)state;
	fill(p, 100, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		errno = 0;
		assert_null(mem_alloc(sizes[i]));
		assert_int_equal(errno, ENOMEM);
		assert_null(mem_realloc(p, sizes[i]));
		assert_true(is_filled(p, 100, 0));
	}
	/* What was kept for later may have been given back for it. */
	assert_true(mem_locked() <= locked);
	mem_free(p);
}

static void realloc_keeps_the_content_and_zeroes_the_rest(void **state)
{
	static const size_t sizes[] = {
		1,     15,	   16,	      17,
		100,   256,	   257,	      1000,
		2048,  2049,	   4096,      4097,
		12289, 64 * KIB,   512 * KIB, 512 * KIB + 1,
		MIB,   MIB + 4033,
	};
	enum { N = sizeof(sizes) / sizeof(sizes[0]) };

	(void)state;
	for (size_t i = 0; i / N < N; i++) {
		size_t from = sizes[i / N], to = sizes[i % N];
		size_t kept = from < to ? from : to;
		uint8_t *p = take(from);

		fill(p, from, i);
		p = mem_realloc(p, to);
		assert_non_null(p);
		assert_true(is_filled(p, kept, i));
		assert_true(all_bytes(p + kept, to - kept, 0));
		mem_free(p);
	}
}

/* Whether or not a piece moves, what was cut off must not come back. */
static void realloc_never_shows_what_was_cut_off(void **state)
{
	(void)state;
	for (size_t i = 15; i < SIZES; i += 7) {
		size_t whole = size_at(i);

		for (size_t part = 1; part < 8; part++) {
			size_t cut = whole * part / 8;
			uint8_t *p = take(whole);

			fill(p, whole, i);
			p = mem_realloc(p, cut);
			assert_non_null(p);
			p = mem_realloc(p, whole);
			assert_non_null(p);
			assert_true(is_filled(p, cut, i));
			assert_true(all_bytes(p + cut, whole - cut, 0));
			mem_free(p);
		}
	}
}

static void realloc_of_nothing_allocates(void **state)
{
	uint8_t *p = mem_realloc(NULL, 77);

	(void)state;
	assert_non_null(p);
	assert_true(all_bytes(p, 77, 0));
	memset(p, 0xa5, 77);
	p = mem_realloc(p, 0);
	assert_non_null(p);
	p = mem_realloc(p, 77);
	assert_non_null(p);
	assert_true(all_bytes(p, 77, 0));
	mem_free(p);
}

/*
 * Read the place a freed piece was at.  Whatever the allocator keeps there is
 * no longer than a pointer, and none of it is what the owner wrote.
 */
static void assert_wiped(uint64_t at, size_t size)
{
	uint8_t *seen = malloc(size);

	assert_non_null(seen);
	assert_int_equal(peek(at, seen, size), size);
	for (size_t i = 0; i < size && i < sizeof(void *); i += 2)
		assert_false(seen[i] == 0xa5 && seen[i + 1] == 0xa5);
	if (size > sizeof(void *))
		assert_true(all_bytes(seen + sizeof(void *),
				      size - sizeof(void *), 0));
	free(seen);
}

static void wipes_what_is_freed(void **state)
{
	static const size_t sizes[] = {16, 64, 256, 1000, 2048, 4096, 64 * KIB};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		/* A neighbour keeps the pages mapped. */
		uint8_t *stays = take(sizes[i]), *p = take(sizes[i]);
		uint64_t at = (uintptr_t)p;

		memset(p, 0xa5, sizes[i]);
		mem_free(p);
		assert_wiped(at, sizes[i]);
		mem_free(stays);
	}
}

static void wipes_the_old_place_of_what_moves(void **state)
{
	static const size_t sizes[] = {16, 64, 256, 1000, 2048, 4096, 64 * KIB};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *stays = take(sizes[i]), *p = take(sizes[i]);
		uint64_t at = (uintptr_t)p;

		memset(p, 0xa5, sizes[i]);
		p = mem_realloc(p, sizes[i] * 3);
		assert_non_null(p);
		assert_int_not_equal((uintptr_t)p, at);
		assert_wiped(at, sizes[i]);
		mem_free(p);
		mem_free(stays);
	}
}

static void unmaps_large_pieces_when_they_are_freed(void **state)
{
	size_t locked = mem_locked();
	uint8_t *p = take(3 * MIB);
	uint64_t at = (uintptr_t)p;
	uint8_t seen;

	(void)state;
	assert_int_equal(peek(at, &seen, 1), 1);
	mem_free(p);
	assert_int_equal(peek(at, &seen, 1), -1);
	assert_int_equal(mem_locked(), locked);
}

static void gives_back_what_many_pieces_took(void **state)
{
	enum { COUNT = 60 };
	uint8_t *pieces[COUNT];
	size_t locked = mem_locked();

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		pieces[i] = take(64 * KIB);
	assert_true(mem_locked() >= locked + 2 * MIB);
	for (size_t i = 0; i < COUNT; i++)
		mem_free(pieces[i]);
	/* Some of it is kept, until nobody seems to need it. */
	assert_true(mem_locked() <= locked + 3 * MIB);
	mem_trim();
	assert_true(mem_locked() <= locked + MIB);
}

static void *locked_by_another(void *arg)
{
	void *p = mem_alloc(256 * KIB);

	(void)arg;
	mem_free(p);
	return p;
}

/* What is set aside is locked at once, kept, and for those who say so alone. */
static void a_reserve_is_kept_for_those_who_use_it(void **state)
{
	enum { COUNT = 9, SIZE = 300 * KIB };
	uint8_t *pieces[COUNT];
	pthread_t other;
	size_t locked;

	(void)state;
	assert_int_equal(mem_reserve(4 * MIB), 0);
	locked = mem_locked();
	assert_true(locked >= 4 * MIB);
	/* No more is taken for less. */
	assert_int_equal(mem_reserve(MIB), 0);
	assert_int_equal(mem_locked(), locked);
	assert_int_equal(mem_use(MEM_RESERVE), MEM_COMMON);
	for (size_t i = 0; i < COUNT; i++)
		pieces[i] = take(SIZE);
	assert_int_equal(mem_locked(), locked);
	/* The choice is of one thread, and ends when it says so. */
	assert_int_equal(pthread_create(&other, NULL, locked_by_another, NULL),
			 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(mem_use(MEM_COMMON), MEM_RESERVE);
	for (size_t i = 0; i < COUNT; i++)
		mem_free(pieces[i]);
	assert_true(mem_locked() >= locked);
	/* It may be outgrown, and what was more goes back. */
	locked = mem_locked();
	(void)mem_use(MEM_RESERVE);
	for (size_t i = 0; i < COUNT; i++)
		pieces[i] = take(512 * KIB);
	assert_true(mem_locked() > locked);
	for (size_t i = 0; i < COUNT; i++)
		mem_free(pieces[i]);
	(void)mem_use(MEM_COMMON);
	assert_true(mem_locked() <= locked + MIB);
}

/* Fill the reserve with pieces of one size, until one comes from elsewhere. */
static size_t fill_reserve(uint8_t **pieces, size_t room, size_t size)
{
	size_t n = 0, locked = mem_locked();

	(void)mem_use(MEM_RESERVE);
	while (n < room) {
		pieces[n++] = take(size);
		if (mem_locked() > locked)
			break;
	}
	(void)mem_use(MEM_COMMON);
	return n - 1;
}

/* As many as mem_size() says fit, whatever their size. */
static void a_reserve_holds_what_it_was_asked_for(void **state)
{
	enum { ROOM = 600000 };
	uint8_t **pieces = calloc(ROOM, sizeof(*pieces));
	const size_t bytes = 5000 * KIB;

	(void)state;
	assert_non_null(pieces);
	assert_int_equal(mem_reserve(bytes), 0);
	for (size_t size = 16; size <= MEM_PIECE_MAX; size += size / 5 + 1) {
		size_t n = fill_reserve(pieces, ROOM, size);

		assert_true(mem_size(size) >= size);
		if (n * mem_size(size) < bytes)
			fail_msg("size %zu: %zu pieces", size, n);
		for (size_t i = 0; i <= n; i++)
			mem_free(pieces[i]);
	}
	free(pieces);
}

static void fences_every_mapping_on_both_sides(void **state)
{
	static const size_t sizes[] = {1, 4096, 64 * KIB, 513 * KIB, 3 * MIB};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *p = take(sizes[i]);
		struct mapping m = {0}, below = {0}, above = {0};

		assert_true(mapping_of(&m, (uintptr_t)p));
		assert_true(m.end >= (uintptr_t)p + sizes[i]);
		assert_string_equal(m.perms, "rw-p");
		assert_true(mapping_of(&below, m.start - 1));
		assert_string_equal(below.perms, "---p");
		assert_true(mapping_of(&above, m.end));
		assert_string_equal(above.perms, "---p");
		/* The kernel answers EFAULT where a load would fault. */
		assert_true(readable(m.start));
		assert_true(readable(m.end - 1));
		assert_false(readable(m.start - 1));
		assert_false(readable(m.end));
		mem_free(p);
	}
}

static void marks_every_page_for_no_dump_and_no_fork(void **state)
{
	(void)state;
	for (size_t i = 2000; i < SIZES; i++) {
		uint8_t *p = take(size_at(i));

		assert_true(has_flag((uintptr_t)p, "dd"));
		assert_true(has_flag((uintptr_t)p, "dc"));
		mem_free(p);
	}
}

static void locks_every_page_before_it_is_handed_out(void **state)
{
	size_t counted = mem_locked(), seen = locked_kib();

	(void)state;
	if (!LOCKS_ARE_REAL)
		skip();
	for (size_t i = 2000; i < SIZES; i++) {
		uint8_t *p = take(size_at(i));

		assert_true(has_flag((uintptr_t)p, "lo"));
		assert_true(has_flag((uintptr_t)p + size_at(i) - 1, "lo"));
		assert_int_equal((mem_locked() - counted) / KIB,
				 locked_kib() - seen);
		mem_free(p);
	}
}

static void is_absent_from_a_forked_child(void **state)
{
	static const size_t sizes[] = {1, 64 * KIB, 3 * MIB};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *p = take(sizes[i]);
		int status;
		pid_t pid;

		assert_true(readable((uintptr_t)p));
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(readable((uintptr_t)p) ? 1 : 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		mem_free(p);
	}
}

static void secrets_are_zero_and_left_empty(void **state)
{
	struct secret s = {0};

	(void)state;
	secret_free(&s);
	assert_int_equal(secret_alloc(&s, 1000), 0);
	assert_int_equal(s.len, 1000);
	assert_true(all_bytes(s.data, s.len, 0));
	secret_free(&s);
	assert_null(s.data);
	assert_int_equal(s.len, 0);
	assert_int_equal(secret_alloc(&s, SIZE_MAX), -ENOMEM);
	assert_null(s.data);
}

enum { THREADS = 4, ROUNDS = 20000, SLOTS = 24 };

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* Allocate, resize and free at random.  Returns NULL if all went well. */
static void *hammer(void *arg)
{
	uint8_t *pieces[SLOTS] = {0};
	size_t sizes[SLOTS] = {0};
	uint32_t x = (uint32_t)(uintptr_t)arg * 7919 + 1;
	bool good = true;

	for (int i = 0; i < ROUNDS && good; i++) {
		size_t slot = next_random(&x) % SLOTS;
		size_t size = next_random(&x) % (i % 16 == 0 ? 20000 : 2100);
		size_t old = sizes[slot], kept = old < size ? old : size;
		uint8_t *p = pieces[slot];

		good = is_filled(p, old, slot);
		if (p != NULL && next_random(&x) % 2 == 0) {
			mem_free(p);
			p = NULL;
			size = 0;
		} else {
			p = mem_realloc(p, size);
			good = good && p != NULL && is_filled(p, kept, slot) &&
			       all_bytes(p + kept, size - kept, 0);
			if (good)
				fill(p, size, slot);
		}
		pieces[slot] = p;
		sizes[slot] = size;
	}
	for (size_t i = 0; i < SLOTS; i++)
		mem_free(pieces[i]);
	return good ? NULL : arg;
}

static void serves_threads_at_once(void **state)
{
	pthread_t threads[THREADS];
	size_t locked = mem_locked();
	void *failed;

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer,
						(void *)(i + 1)),
				 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_true(mem_locked() <= locked + MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroes_new_and_reused_memory_of_every_size),
		cmocka_unit_test(aligns_memory_of_every_size_for_any_type),
		cmocka_unit_test(gives_every_piece_its_own_place),
		cmocka_unit_test(takes_a_size_of_0_as_1),
		cmocka_unit_test(refuses_sizes_that_no_machine_has),
		cmocka_unit_test(realloc_keeps_the_content_and_zeroes_the_rest),
		cmocka_unit_test(realloc_never_shows_what_was_cut_off),
		cmocka_unit_test(realloc_of_nothing_allocates),
		cmocka_unit_test(wipes_what_is_freed),
		cmocka_unit_test(wipes_the_old_place_of_what_moves),
		cmocka_unit_test(unmaps_large_pieces_when_they_are_freed),
		cmocka_unit_test(gives_back_what_many_pieces_took),
		cmocka_unit_test(a_reserve_is_kept_for_those_who_use_it),
		cmocka_unit_test(a_reserve_holds_what_it_was_asked_for),
		cmocka_unit_test(fences_every_mapping_on_both_sides),
		cmocka_unit_test(marks_every_page_for_no_dump_and_no_fork),
		cmocka_unit_test(locks_every_page_before_it_is_handed_out),
		cmocka_unit_test(is_absent_from_a_forked_child),
		cmocka_unit_test(secrets_are_zero_and_left_empty),
		cmocka_unit_test(serves_threads_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
