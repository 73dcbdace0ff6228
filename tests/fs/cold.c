/* SPDX-License-Identifier: MIT */
#include "fs/cold.h"
#include "common.h"
#include "counting_mem.h"
#include "fs/body.h"

enum { SIZE = 50000, SPAN = 5 * BODY_EXTENT };

static uint8_t noise[SPAN], seen[SPAN + 1], model[SPAN];

static void start(void)
{
	assert_int_equal(cold_start(), 0);
}

static void stop(void)
{
	const struct cold_usage u = cold_usage();

	assert_int_equal(u.hot, 0);
	assert_int_equal(u.cold, 0);
	cold_stop();
	assert_int_equal(mem_pieces, 0);
}

/* A piece of noise, hot, that nobody holds. */
static void make_piece(struct cold *c, size_t size)
{
	assert_int_equal(cold_new(c, size), 0);
	memcpy(c->data, noise, size);
	cold_release(c);
}

static void make_cold(struct cold *c, size_t size)
{
	make_piece(c, size);
	while (c->nonce == 0)
		assert_true(cold_relieve());
}

static void assert_reads(struct cold *c, size_t at, size_t len)
{
	memset(seen, 0xa5, len + 1);
	assert_int_equal(cold_read(c, at, seen, len), 0);
	assert_same_bytes(seen, noise + at, len);
	assert_int_equal(seen[len], 0xa5);
}

static void assert_lost(struct cold *c)
{
	memset(seen, 0xa5, SIZE);
	assert_int_equal(cold_read(c, 0, seen, SIZE), -EIO);
	assert_true(all_bytes(seen, SIZE, 0));
	memset(seen, 0xa5, 100);
	assert_int_equal(cold_read(c, 7, seen, 100), -EIO);
	assert_true(all_bytes(seen, 100, 0));
	assert_int_equal(cold_hold(c), -EIO);
	assert_true(c->nonce != 0);
	assert_int_equal(c->holds, 0);
}

static void a_piece_reads_the_same_hot_and_cold(void **state)
{
	static const size_t sizes[] = {1, 64, 4096, 65535, BODY_EXTENT, SPAN};

	(void)state;
	start();
	for (size_t i = 0; i < COUNT(sizes); i++) {
		const size_t n = sizes[i];
		struct cold c;

		make_piece(&c, n);
		assert_reads(&c, 0, n);
		assert_true(cold_relieve());
		assert_int_equal(cold_usage().hot, 0);
		assert_int_equal(cold_usage().cold, n);
		assert_true(n < 64 || memcmp(c.data, noise, n) != 0);
		assert_reads(&c, 0, n);
		if (n <= COLD_PART) {
			assert_reads(&c, n / 2, n - n / 2);
			assert_reads(&c, n - 1, 1);
		}
		assert_int_equal(cold_hold(&c), 0);
		assert_int_equal(cold_usage().cold, 0);
		assert_same_bytes(c.data, noise, n);
		cold_release(&c);
		cold_free(&c);
	}
	stop();
}

static void parts_of_two_pieces_are_told_apart(void **state)
{
	struct cold a, b;

	(void)state;
	start();
	make_cold(&a, BODY_EXTENT);
	assert_int_equal(cold_new(&b, 1000), 0);
	cold_release(&b);
	assert_true(cold_relieve());
	for (unsigned i = 0; i < 3; i++) {
		assert_reads(&a, 500, 100);
		assert_int_equal(cold_read(&b, 500, seen, 100), 0);
		assert_true(all_bytes(seen, 100, 0));
	}
	/* What was read in parts may change, and go cold again. */
	assert_reads(&a, 0, 9);
	assert_int_equal(cold_hold(&a), 0);
	a.data[3] ^= 1;
	cold_release(&a);
	assert_true(cold_relieve());
	assert_int_equal(cold_read(&a, 3, seen, 1), 0);
	assert_int_equal(seen[0], noise[3] ^ 1);
	cold_free(&a);
	cold_free(&b);
	stop();
}

static void what_was_altered_is_an_error(void **state)
{
	static const size_t places[] = {0, 1, SIZE / 2, SIZE - 1};
	struct cold c;

	(void)state;
	start();
	make_cold(&c, SIZE);
	for (size_t i = 0; i < COUNT(places); i++) {
		c.data[places[i]] ^= 0x40;
		assert_lost(&c);
		c.data[places[i]] ^= 0x40;
		assert_reads(&c, 0, SIZE);
	}
	cold_free(&c);
	stop();
}

static void what_was_moved_or_is_older_is_an_error(void **state)
{
	struct cold a, b;
	uint8_t *data;

	(void)state;
	start();
	make_cold(&a, SIZE);
	make_cold(&b, SIZE);
	assert_true(memcmp(a.data, b.data, SIZE) != 0);
	data = a.data;
	a.data = b.data;
	b.data = data;
	assert_lost(&a);
	assert_lost(&b);
	b.data = a.data;
	a.data = data;
	data = malloc(SIZE);
	assert_non_null(data);
	memcpy(data, a.data, SIZE);
	assert_int_equal(cold_hold(&a), 0);
	cold_release(&a);
	assert_true(cold_relieve());
	memcpy(a.data, data, SIZE);
	assert_lost(&a);
	free(data);
	cold_free(&a);
	cold_free(&b);
	stop();
}

static void what_is_held_stays_and_the_oldest_goes_first(void **state)
{
	enum { COUNT_OF = 40 };
	struct cold c[COUNT_OF];

	(void)state;
	start();
	for (size_t i = 0; i < COUNT_OF; i++)
		make_piece(&c[i], BODY_EXTENT);
	/* The first is used once more, the second is in use. */
	assert_int_equal(cold_hold(&c[0]), 0);
	cold_release(&c[0]);
	assert_int_equal(cold_hold(&c[1]), 0);
	assert_true(cold_relieve());
	assert_int_equal(cold_usage().cold, COUNT_OF / 2 * BODY_EXTENT);
	for (size_t i = 2; i < COUNT_OF; i++)
		assert_int_equal(c[i].nonce != 0, i < COUNT_OF / 2 + 2);
	assert_true(c[0].nonce == 0);
	/* In the end all is cold but what is held. */
	for (unsigned i = 0; i < 8; i++)
		(void)cold_relieve();
	assert_int_equal(cold_usage().hot, BODY_EXTENT);
	assert_false(cold_relieve());
	assert_same_bytes(c[1].data, noise, BODY_EXTENT);
	cold_release(&c[1]);
	assert_true(cold_relieve());
	assert_false(cold_relieve());
	for (size_t i = 0; i < COUNT_OF; i++) {
		assert_reads(&c[i], 0, BODY_EXTENT);
		cold_free(&c[i]);
	}
	stop();
}

static void without_memory_all_stays_as_it_is(void **state)
{
	struct cold c;

	(void)state;
	start();
	make_piece(&c, SIZE);
	mem_fail_in = 0;
	assert_false(cold_relieve());
	assert_int_equal(cold_usage().hot, SIZE);
	assert_reads(&c, 0, SIZE);
	assert_true(cold_relieve());
	mem_fail_in = 0;
	assert_int_equal(cold_hold(&c), -ENOMEM);
	assert_int_equal(c.holds, 0);
	/* Reading takes none. */
	mem_fail_in = 0;
	assert_reads(&c, 0, SIZE);
	assert_reads(&c, 100, 100);
	assert_int_equal(mem_fail_in, 0);
	mem_fail_in = -1;
	cold_free(&c);
	mem_fail_in = 0;
	assert_int_equal(cold_new(&c, SIZE), -ENOMEM);
	mem_fail_in = -1;
	stop();
}

static void a_start_that_fails_leaves_nothing(void **state)
{
	int err = -ENOMEM;

	(void)state;
	for (ssize_t i = 0; err != 0; i++) {
		assert_in_range(i, 0, 50);
		mem_fail_in = i;
		err = cold_start();
		assert_true(err == 0 || mem_pieces == 0);
	}
	mem_fail_in = -1;
	/* Two users share it. */
	start();
	cold_stop();
	stop();
}

static void what_is_put_is_cold_once_there_was_pressure(void **state)
{
	struct cold a, b;

	(void)state;
	start();
	assert_int_equal(cold_put(&a, noise, SPAN), 0);
	assert_true(a.nonce == 0);
	assert_true(cold_relieve());
	assert_int_equal(cold_put(&b, noise, SPAN), 0);
	assert_true(b.nonce != 0);
	assert_reads(&a, 0, SPAN);
	assert_reads(&b, 0, SPAN);
	cold_free(&a);
	mem_fail_in = 0;
	assert_int_equal(cold_put(&a, noise, SPAN), -ENOMEM);
	mem_fail_in = -1;
	cold_free(&b);
	stop();
}

/* A failed punch may have made some of it a hole. */
static void assert_old_or_zero(const struct body *b, size_t off, size_t len)
{
	assert_int_equal(body_read(b, off, seen, len), 0);
	for (size_t i = 0; i < len; i++)
		assert_true(seen[i] == 0 || seen[i] == model[off + i]);
	memcpy(model + off, seen, len);
}

static void change(struct body *b, struct quota *q)
{
	size_t off = (size_t)rand() % SPAN, len = (size_t)rand() % 90000;
	ssize_t done;
	int err;

	if (len > SPAN - off)
		len = SPAN - off;
	if (rand() % 3 == 0)
		len %= 100;
	if (rand() % 4 != 0) {
		done = body_write(b, q, off, noise + SPAN - off - len, len);
		assert_true(done >= 0 || done == -ENOMEM);
		if (done > 0)
			memcpy(model + off, noise + SPAN - off - len,
			       (size_t)done);
		return;
	}
	if (rand() % 3 == 0) {
		err = body_truncate(b, q, off);
		len = err == 0 ? SPAN - off : 0; /* all or nothing */
	} else {
		err = body_punch(b, q, off, len);
	}
	assert_true(err == 0 || err == -ENOMEM);
	if (err == 0)
		memset(model + off, 0, len);
	else
		assert_old_or_zero(b, off, len);
}

static void a_body_loses_nothing_whatever_fails(void **state)
{
	static uint8_t then[SPAN];
	struct quota q = {.limit = UINT64_MAX};
	struct body b = {0}, shared = {0};

	(void)state;
	srand(7);
	memset(model, 0, SPAN);
	start();
	for (unsigned i = 0; i < 6000; i++) {
		if (rand() % 3 == 0)
			mem_fail_in = rand() % 4;
		change(&b, &q);
		if (rand() % 3 == 0)
			(void)cold_relieve();
		mem_fail_in = -1;
		if (rand() % 20 == 0) {
			body_free(&shared, NULL);
			body_share(&shared, &b);
			memcpy(then, model, SPAN);
		}
		assert_int_equal(body_read(&b, 0, seen, SPAN), 0);
		assert_same_bytes(seen, model, SPAN);
		if (shared.slots == NULL)
			continue;
		assert_int_equal(body_read(&shared, 0, seen, SPAN), 0);
		assert_same_bytes(seen, then, SPAN);
	}
	body_free(&shared, NULL);
	assert_int_equal(q.used, body_stored(&b));
	body_free(&b, &q);
	assert_int_equal(q.used, 0);
	stop();
}

static void an_altered_extent_fails_its_readers_and_writers(void **state)
{
	struct quota q = {.limit = UINT64_MAX};
	struct body b = {0};
	struct extent *e;

	(void)state;
	start();
	assert_int_equal(body_write(&b, &q, 0, noise, BODY_EXTENT),
			 BODY_EXTENT);
	assert_true(cold_relieve());
	e = b.slots->at[0].extent;
	e->bytes.data[77] ^= 1;
	assert_int_equal(body_read(&b, 5, seen, 5), -EIO);
	assert_int_equal(body_write(&b, &q, 5, noise, 5), -EIO);
	assert_int_equal(body_truncate(&b, &q, 5), -EIO);
	assert_int_equal(q.used, BODY_EXTENT);
	e->bytes.data[77] ^= 1;
	assert_int_equal(body_read(&b, 0, seen, BODY_EXTENT), 0);
	assert_same_bytes(seen, noise, BODY_EXTENT);
	body_free(&b, &q);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(a_piece_reads_the_same_hot_and_cold),
		counted_test(parts_of_two_pieces_are_told_apart),
		counted_test(what_was_altered_is_an_error),
		counted_test(what_was_moved_or_is_older_is_an_error),
		counted_test(what_is_held_stays_and_the_oldest_goes_first),
		counted_test(without_memory_all_stays_as_it_is),
		counted_test(a_start_that_fails_leaves_nothing),
		counted_test(what_is_put_is_cold_once_there_was_pressure),
		counted_test(a_body_loses_nothing_whatever_fails),
		counted_test(an_altered_extent_fails_its_readers_and_writers),
	};

	fill_random(noise, sizeof(noise), 5);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
