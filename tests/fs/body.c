/* SPDX-License-Identifier: MIT */
#include "fs/body.h"
#include "common.h"
#include "counting_mem.h"

static const size_t borders[] = {
	0,    1,     2,	    63,	   64,	  65,	 4095,	 4096,	 4097,
	8192, 49152, 49153, 65535, 65536, 65537, 131072, 196608, 200001,
};

enum { SPAN = 512 << 10 }; /* more than any border and length together */

static uint8_t noise[SPAN], seen[SPAN], model[SPAN];

static struct quota ample(void)
{
	return (struct quota){.limit = UINT64_MAX};
}

static void write_all(struct body *b, struct quota *q, uint64_t off,
		      const uint8_t *buf, size_t len)
{
	assert_int_equal(body_write(b, q, off, buf, len), len);
}

/* The first len bytes of b are those of want. */
static void assert_contents(const struct body *b, const uint8_t *want,
			    size_t len)
{
	memset(seen, 0xa5, sizeof(seen));
	body_read(b, 0, seen, len);
	assert_same_bytes(seen, want, len);
	assert_true(all_bytes(seen + len, sizeof(seen) - len, 0xa5));
}

/* What body_read() yields is the model. */
static void assert_same_part(const struct body *b, size_t off, size_t len)
{
	assert_int_equal(body_read(b, off, seen, len), 0);
	assert_same_bytes(seen, model + off, len);
}

/* Free b and see that it gives all back. */
static void end(struct body *b, struct quota *q)
{
	assert_int_equal(q->used, body_stored(b));
	body_free(b, q);
	assert_int_equal(q->used, 0);
	assert_int_equal(mem_pieces, 0);
	assert_null(b->slots);
	assert_int_equal(b->count, 0);
}

static void an_empty_body_reads_zeros(void **state)
{
	struct body b = {0};
	struct quota q = ample();

	(void)state;
	memset(model, 0, sizeof(model));
	assert_contents(&b, model, SPAN);
	assert_int_equal(body_stored(&b), 0);
	assert_int_equal(body_truncate(&b, &q, 0), 0);
	assert_int_equal(body_truncate(&b, &q, 100), 0);
	assert_int_equal(body_write(&b, &q, 5, noise, 0), 0);
	end(&b, &q);
}

static void reads_back_what_was_written_at_every_border(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(borders); i++) {
		for (size_t j = 1; j < COUNT(borders); j++) {
			size_t off = borders[i], len = borders[j];
			struct quota q = ample();
			struct body b = {0};

			memset(model, 0, off + len + 70);
			memcpy(model + off, noise, len);
			write_all(&b, &q, off, noise, len);
			assert_contents(&b, model, off + len + 70);
			end(&b, &q);
		}
	}
}

static void a_read_may_begin_and_end_anywhere(void **state)
{
	struct quota q = ample();
	struct body b = {0};

	(void)state;
	write_all(&b, &q, 0, noise, SPAN);
	for (size_t i = 0; i < COUNT(borders); i++) {
		for (size_t j = 0; j < COUNT(borders); j++) {
			memset(seen, 0xa5, borders[j] + 1);
			body_read(&b, borders[i], seen, borders[j]);
			assert_same_bytes(seen, noise + borders[i], borders[j]);
			assert_int_equal(seen[borders[j]], 0xa5);
		}
	}
	end(&b, &q);
}

static void holes_read_as_zeros(void **state)
{
	struct quota q = ample();
	struct body b = {0};

	(void)state;
	memset(model, 0, sizeof(model));
	/* Backwards, so that slots are put before those that are there. */
	for (size_t i = 7; i-- > 0; i -= i > 0) {
		size_t off = i * BODY_EXTENT + 1000;

		write_all(&b, &q, off, noise, 50);
		memcpy(model + off, noise, 50);
	}
	assert_contents(&b, model, SPAN);
	end(&b, &q);
}

static void a_shrunk_file_reads_zeros_when_it_grows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(borders); i++) {
		struct quota q = ample();
		struct body b = {0};

		write_all(&b, &q, 0, noise, 3 * BODY_EXTENT + 5);
		assert_int_equal(body_truncate(&b, &q, borders[i]), 0);
		memset(model, 0, sizeof(model));
		memcpy(model, noise,
		       borders[i] < 3 * BODY_EXTENT + 5 ? borders[i]
							: 3 * BODY_EXTENT + 5);
		assert_contents(&b, model, SPAN);
		/* It grows by a write behind what was cut off. */
		write_all(&b, &q, 3 * BODY_EXTENT + 100, noise, 1);
		model[3 * BODY_EXTENT + 100] = noise[0];
		assert_contents(&b, model, SPAN);
		end(&b, &q);
	}
}

static void a_file_shrunk_to_nothing_takes_no_space(void **state)
{
	struct quota q = ample();
	struct body b = {0};

	(void)state;
	write_all(&b, &q, 0, noise, SPAN);
	assert_int_equal(q.used, SPAN);
	assert_int_equal(body_truncate(&b, &q, 2 * BODY_EXTENT), 0);
	assert_int_equal(q.used, 2 * BODY_EXTENT);
	assert_int_equal(body_truncate(&b, &q, 0), 0);
	assert_int_equal(q.used, 0);
	assert_int_equal(body_stored(&b), 0);
	end(&b, &q);
}

static void truncation_leaves_a_snapshot_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(borders); i++) {
		struct quota q = ample();
		struct body b = {0}, copy = {0};

		write_all(&b, &q, 0, noise, SPAN);
		body_share(&copy, &b);
		assert_int_equal(body_truncate(&b, &q, borders[i]), 0);
		assert_contents(&copy, noise, SPAN);
		memset(model, 0, sizeof(model));
		memcpy(model, noise, borders[i]);
		assert_contents(&b, model, SPAN);
		assert_int_equal(q.used, body_stored(&b));
		body_free(&copy, NULL);
		assert_contents(&b, model, SPAN);
		end(&b, &q);
	}
}

static void
a_snapshot_keeps_the_old_bytes_and_the_writer_sees_the_new(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(borders); i++) {
		for (size_t j = 1; j < COUNT(borders); j++) {
			struct quota q = ample();
			struct body b = {0}, copy = {0};

			write_all(&b, &q, 0, noise, 2 * BODY_EXTENT + 9);
			memset(model, 0, sizeof(model));
			memcpy(model, noise, 2 * BODY_EXTENT + 9);
			body_share(&copy, &b);
			write_all(&b, &q, borders[i], noise + 77, borders[j]);
			assert_contents(&copy, model, SPAN);
			memcpy(model + borders[i], noise + 77, borders[j]);
			assert_contents(&b, model, SPAN);
			body_free(&copy, NULL);
			end(&b, &q);
		}
	}
}

static void a_snapshot_outlives_its_file(void **state)
{
	struct quota q = ample();
	struct body b = {0}, copy = {0}, second = {0};

	(void)state;
	write_all(&b, &q, 0, noise, SPAN);
	body_share(&copy, &b);
	body_share(&second, &copy);
	body_free(&b, &q);
	assert_int_equal(q.used, 0);
	assert_contents(&copy, noise, SPAN);
	body_free(&copy, NULL);
	assert_contents(&second, noise, SPAN);
	body_free(&second, NULL);
	assert_int_equal(mem_pieces, 0);
}

static void far_offsets_take_no_more_than_the_extents_touched(void **state)
{
	static const uint64_t far[] = {
		(uint64_t)1 << 32,	   (uint64_t)1 << 40,
		((uint64_t)1 << 40) - 1,   ((uint64_t)1 << 62) - 70000,
		((uint64_t)1 << 62) - 500, ((uint64_t)1 << 63) - 500,
	};
	struct quota q = ample();
	struct body b = {0};
	size_t before;

	(void)state;
	for (size_t i = 0; i < COUNT(far); i++) {
		before = mem_bytes;
		write_all(&b, &q, far[i], noise + i, 500);
		assert_in_range(mem_bytes - before, 500, 2 * BODY_EXTENT + 999);
		assert_in_range(q.used, 500, (i + 1) * 2 * BODY_EXTENT);
	}
	for (size_t i = 0; i < COUNT(far); i++) {
		/* Two of them overlap; the later one has won. */
		size_t n = i == 1 ? 0 : i == 0 || i > 2 ? 500 : 499;

		body_read(&b, far[i], seen, n);
		assert_same_bytes(seen, noise + i, n);
	}
	assert_int_equal(body_truncate(&b, &q, ((uint64_t)1 << 40) - 1), 0);
	body_read(&b, ((uint64_t)1 << 40) - 1, seen, 1000);
	assert_true(all_bytes(seen, 1000, 0));
	end(&b, &q);
}

/* What q grows by is what comes into being, and small files stay small. */
static void a_byte_costs_no_more_than_its_extent(void **state)
{
	(void)state;
	for (size_t i = 1; i < COUNT(borders); i++) {
		struct quota q = ample();
		struct body b = {0};

		write_all(&b, &q, 0, noise, borders[i]);
		assert_int_equal(q.used, body_stored(&b));
		assert_in_range(q.used, borders[i], 2 * borders[i] + 63);
		end(&b, &q);
	}
}

static void a_full_quota_changes_nothing(void **state)
{
	struct quota q = {.limit = 2 * BODY_EXTENT};
	struct body b = {0};

	(void)state;
	write_all(&b, &q, 0, noise, 2 * BODY_EXTENT);
	for (size_t i = 0; i < COUNT(borders); i++) {
		uint64_t off = 2 * BODY_EXTENT + borders[i];

		assert_int_equal(body_write(&b, &q, off, noise, 1), -ENOSPC);
		assert_int_equal(q.used, q.limit);
	}
	memset(model, 0, sizeof(model));
	memcpy(model, noise, 2 * BODY_EXTENT);
	assert_contents(&b, model, SPAN);
	/* What is there can be overwritten all the same. */
	write_all(&b, &q, 5, noise, BODY_EXTENT);
	end(&b, &q);
}

static void a_full_quota_lets_a_shared_extent_be_overwritten(void **state)
{
	struct quota q = {.limit = BODY_EXTENT};
	struct body b = {0}, copy = {0};

	(void)state;
	write_all(&b, &q, 0, noise, BODY_EXTENT);
	body_share(&copy, &b);
	write_all(&b, &q, 100, noise, 1000);
	assert_int_equal(body_truncate(&b, &q, 700), 0);
	assert_contents(&copy, noise, BODY_EXTENT);
	body_free(&copy, NULL);
	end(&b, &q);
}

static void a_write_cut_short_by_the_quota_says_how_much_it_wrote(void **state)
{
	struct quota q = {.limit = BODY_EXTENT + 64};
	struct body b = {0};

	(void)state;
	assert_int_equal(body_write(&b, &q, 10, noise, SPAN / 2),
			 BODY_EXTENT - 10);
	memset(model, 0, sizeof(model));
	memcpy(model + 10, noise, BODY_EXTENT - 10);
	assert_contents(&b, model, SPAN);
	/* 65 bytes would need an extent of 128; 64 still fit. */
	assert_int_equal(body_write(&b, &q, BODY_EXTENT, noise, 65), -ENOSPC);
	assert_int_equal(body_write(&b, &q, BODY_EXTENT, noise, 64), 64);
	assert_int_equal(q.used, q.limit);
	end(&b, &q);
}

static void space_given_back_can_be_used_again(void **state)
{
	struct quota q = {.limit = 4 * BODY_EXTENT};

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct body b = {0};

		write_all(&b, &q, i * 999, noise, 3 * BODY_EXTENT);
		assert_int_equal(body_truncate(&b, &q, i * 333), 0);
		end(&b, &q);
	}
}

/* With shared extents, growing and cutting, on either side of every border. */
static void probe_without_memory(struct body *b, struct quota *q,
				 ssize_t failing)
{
	struct body copy = {0};
	ssize_t n;
	int err;

	mem_fail_in = failing;
	body_share(&copy, b);
	n = body_write(b, q, 3 * BODY_EXTENT - 50, noise, BODY_EXTENT);
	assert_true(n == -ENOMEM || n == 50 || n == BODY_EXTENT);
	if (n > 0)
		memcpy(model + 3 * BODY_EXTENT - 50, noise, (size_t)n);
	err = body_truncate(b, q, 2 * BODY_EXTENT + 7);
	assert_true(err == 0 || err == -ENOMEM);
	if (err == 0)
		memset(model + 2 * BODY_EXTENT + 7, 0,
		       SPAN - 2 * BODY_EXTENT - 7);
	mem_fail_in = -1;
	body_free(&copy, NULL);
}

static void any_allocation_may_fail_and_nothing_is_lost(void **state)
{
	(void)state;
	for (ssize_t failing = 0; failing < 24; failing++) {
		struct quota q = ample();
		struct body b = {0};

		q.ahead = failing % 2 == 1;
		memset(model, 0, sizeof(model));
		memcpy(model, noise, 3 * BODY_EXTENT);
		write_all(&b, &q, 0, noise, 3 * BODY_EXTENT);
		probe_without_memory(&b, &q, failing / 2);
		assert_contents(&b, model, SPAN);
		end(&b, &q);
	}
}

/* A body, what it must hold, and a snapshot with what that must hold. */
struct rig {
	struct body b, copy;
	struct quota q;
	uint64_t random;
	uint8_t *old;
};

static void random_step(struct rig *r)
{
	size_t off = next_random(&r->random) % SPAN, len;

	/* Often near a border, where mistakes live. */
	if (next_random(&r->random) % 3 == 0)
		off = off / BODY_EXTENT * BODY_EXTENT +
		      next_random(&r->random) % 3;
	len = next_random(&r->random) % 3 == 0
		      ? next_random(&r->random) % (SPAN - off)
		      : next_random(&r->random) % 99 % (SPAN - off);
	switch (next_random(&r->random) % 8) {
	case 0:
		assert_int_equal(body_truncate(&r->b, &r->q, off), 0);
		memset(model + off, 0, SPAN - off);
		break;
	case 1:
		body_free(&r->copy, NULL);
		body_share(&r->copy, &r->b);
		memcpy(r->old, model, SPAN);
		break;
	case 2:
		assert_contents(&r->copy, r->old, SPAN);
		break;
	case 3:
		assert_same_part(&r->b, off, len);
		break;
	default:
		write_all(&r->b, &r->q, off, noise + SPAN - off - len, len);
		memcpy(model + off, noise + SPAN - off - len, len);
	}
	assert_int_equal(r->q.used, body_stored(&r->b));
}

static void behaves_as_a_plain_array_does(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct rig r = {
			.q = ample(),
			.random = seed,
			.old = calloc(1, SPAN),
		};

		assert_non_null(r.old);
		r.q.ahead = seed % 2 == 0;
		memset(model, 0, sizeof(model));
		for (unsigned i = 0; i < 2000; i++)
			random_step(&r);
		assert_contents(&r.b, model, SPAN);
		assert_contents(&r.copy, r.old, SPAN);
		body_free(&r.copy, NULL);
		end(&r.b, &r.q);
		free(r.old);
	}
}

/* Write len bytes in pieces of 4 KiB; returns how often memory was taken. */
static ssize_t write_pieces(struct body *b, struct quota *q, size_t len)
{
	const ssize_t plenty = 1000000;
	ssize_t taken;

	mem_fail_in = plenty;
	for (size_t at = 0; at < len; at += 4096)
		write_all(b, q, at, noise + at, 4096);
	taken = plenty - mem_fail_in;
	mem_fail_in = -1;
	return taken;
}

static void what_grows_by_small_pieces_is_seldom_copied(void **state)
{
	struct quota ahead = ample(), exact = ample();
	struct body a = {0}, e = {0};
	ssize_t seldom;

	(void)state;
	ahead.ahead = true;
	seldom = write_pieces(&a, &ahead, SPAN);
	assert_in_range(seldom, 1, SPAN / BODY_EXTENT * 5);
	assert_true(write_pieces(&e, &exact, SPAN) > 2 * seldom);
	/* Nobody is charged for what is not needed yet. */
	assert_int_equal(ahead.used, exact.used);
	memcpy(model, noise, SPAN);
	assert_contents(&a, model, SPAN);
	assert_true(write_pieces(&a, &ahead, 4096) == 0);
	body_free(&e, &exact);
	end(&a, &ahead);
}

static void a_file_in_its_growth_takes_little_more_than_it_needs(void **state)
{
	struct quota q = ample();
	struct body b = {0};

	(void)state;
	q.ahead = true;
	for (size_t at = 0; at < SPAN; at += 4096) {
		write_all(&b, &q, at, noise, 4096);
		/* Below 64 KiB it is what the doubling of a vector takes. */
		if (at >= BODY_EXTENT)
			assert_in_range(mem_bytes, at, (at + 4096) * 3 / 2);
	}
	end(&b, &q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(an_empty_body_reads_zeros),
		counted_test(reads_back_what_was_written_at_every_border),
		counted_test(a_read_may_begin_and_end_anywhere),
		counted_test(holes_read_as_zeros),
		counted_test(a_shrunk_file_reads_zeros_when_it_grows),
		counted_test(a_file_shrunk_to_nothing_takes_no_space),
		counted_test(truncation_leaves_a_snapshot_alone),
		counted_test(
			a_snapshot_keeps_the_old_bytes_and_the_writer_sees_the_new),
		counted_test(a_snapshot_outlives_its_file),
		counted_test(far_offsets_take_no_more_than_the_extents_touched),
		counted_test(a_byte_costs_no_more_than_its_extent),
		counted_test(a_full_quota_changes_nothing),
		counted_test(a_full_quota_lets_a_shared_extent_be_overwritten),
		counted_test(
			a_write_cut_short_by_the_quota_says_how_much_it_wrote),
		counted_test(space_given_back_can_be_used_again),
		counted_test(any_allocation_may_fail_and_nothing_is_lost),
		counted_test(behaves_as_a_plain_array_does),
		counted_test(what_grows_by_small_pieces_is_seldom_copied),
		counted_test(
			a_file_in_its_growth_takes_little_more_than_it_needs),
	};

	fill_random(noise, sizeof(noise), 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
