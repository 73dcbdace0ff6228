/* SPDX-License-Identifier: MIT */
/* Holes: made, filled and found, against a plain array with a map of pages. */
#include "counting_mem.h"

#include "fs/body.h"

#include <stdlib.h>

enum { SPAN = 6 * BODY_EXTENT, PAGES = SPAN / BODY_PAGE, STEPS = 3000 };

struct rig {
	struct body b, copy;
	struct quota q;
	uint64_t random;
	uint8_t *bytes, *old, *seen, *noise;
	bool data[PAGES]; /* pages that are no hole */
};

static size_t below(struct rig *r, size_t n)
{
	return next_random(&r->random) % n;
}

static void mark(struct rig *r, size_t off, size_t len, bool data)
{
	for (size_t p = 0; p < PAGES; p++) {
		size_t from = p * BODY_PAGE, to = from + BODY_PAGE;

		/* Writing touches a page; a hole takes only whole ones. */
		if (data ? from < off + len && to > off
			 : from >= off && to <= off + len)
			r->data[p] = data;
	}
}

static void step(struct rig *r)
{
	size_t off = below(r, SPAN), len = below(r, SPAN - off) + 1;

	if (below(r, 2) == 0)
		off = off / BODY_PAGE * BODY_PAGE;
	if (below(r, 2) == 0)
		len = len % 5000 + 1;
	if (len > SPAN - off)
		len = SPAN - off;
	switch (below(r, 6)) {
	case 0:
	case 1:
		assert_int_equal(body_punch(&r->b, &r->q, off, len), 0);
		memset(r->bytes + off, 0, len);
		mark(r, off, len, false);
		break;
	case 2:
		assert_int_equal(body_allocate(&r->b, &r->q, off, len), 0);
		mark(r, off, len, true);
		break;
	case 3:
		body_free(&r->copy, NULL);
		body_share(&r->copy, &r->b);
		memcpy(r->old, r->bytes, SPAN);
		break;
	default:
		assert_int_equal(body_write(&r->b, &r->q, off, r->noise, len),
				 len);
		memcpy(r->bytes + off, r->noise, len);
		mark(r, off, len, true);
	}
}

static size_t model_next(const struct rig *r, size_t off, bool data)
{
	while (off < SPAN && r->data[off / BODY_PAGE] != data)
		off = off / BODY_PAGE * BODY_PAGE + BODY_PAGE;
	return off;
}

static void check(struct rig *r)
{
	size_t off = below(r, SPAN), pages = 0, data = model_next(r, off, true);

	for (size_t p = 0; p < PAGES; p++)
		pages += r->data[p];
	assert_int_equal(body_data(&r->b), pages * BODY_PAGE);
	assert_int_equal(r->q.used, body_stored(&r->b));
	assert_true(body_next_data(&r->b, off) ==
		    (data < SPAN ? data : UINT64_MAX));
	assert_int_equal(body_next_hole(&r->b, off, UINT64_MAX),
			 model_next(r, off, false));
	body_read(&r->b, 0, r->seen, SPAN);
	assert_same_bytes(r->seen, r->bytes, SPAN);
	body_read(&r->copy, 0, r->seen, SPAN);
	assert_same_bytes(r->seen, r->old, SPAN);
}

static void holes_are_where_they_were_made(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct rig r = {
			.q = {.limit = 64 * MIB},
			.random = seed,
			.bytes = calloc(1, SPAN),
			.old = calloc(1, SPAN),
			.seen = calloc(1, SPAN),
			.noise = calloc(1, SPAN),
		};

		assert_true(r.bytes != NULL && r.old != NULL &&
			    r.seen != NULL && r.noise != NULL);
		fill_random(r.noise, SPAN, seed);
		for (unsigned i = 0; i < STEPS; i++) {
			step(&r);
			if (i % 16 == 0)
				check(&r);
		}
		check(&r);
		body_free(&r.copy, NULL);
		body_free(&r.b, &r.q);
		assert_int_equal(r.q.used, 0);
		free(r.bytes);
		free(r.old);
		free(r.seen);
		free(r.noise);
	}
}

static void a_punched_file_gives_its_space_back(void **state)
{
	struct quota q = {.limit = MIB};
	struct body b = {0};
	uint8_t page[BODY_PAGE];

	(void)state;
	memset(page, 'x', sizeof(page));
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(body_write(&b, &q, i * (uint64_t)BODY_PAGE,
					    page, sizeof(page)),
				 sizeof(page));
	assert_int_equal(body_punch(&b, &q, 0, 32 * (uint64_t)BODY_PAGE), 0);
	assert_int_equal(q.used, 0);
	assert_int_equal(b.count, 0);
	body_free(&b, &q);
}

static void space_is_allocated_up_to_the_quota_and_no_further(void **state)
{
	struct quota q = {.limit = (uint64_t)2 * BODY_EXTENT};
	struct body b = {0};

	(void)state;
	assert_int_equal(body_allocate(&b, &q, 0, (uint64_t)2 * BODY_EXTENT),
			 0);
	assert_int_equal(q.used, 2 * BODY_EXTENT);
	assert_int_equal(body_allocate(&b, &q, (uint64_t)2 * BODY_EXTENT, 1),
			 -ENOSPC);
	/* And what is allocated can be written without more. */
	assert_int_equal(
		body_write(&b, &q, BODY_EXTENT, (const uint8_t *)"x", 1), 1);
	body_free(&b, &q);
}

/* As tmpfs does it: all or nothing, in the middle of a file as at its end. */
static void an_allocation_that_fails_takes_nothing(void **state)
{
	struct quota q = {.limit = (uint64_t)8 * BODY_EXTENT};
	struct body b = {0}, copy = {0};
	uint64_t used;

	(void)state;
	assert_int_equal(body_write(&b, &q, 3 * (uint64_t)BODY_EXTENT,
				    (const uint8_t *)"x", 1),
			 1);
	used = q.used;
	assert_int_equal(body_allocate(&b, &q, 0, (uint64_t)1 << 50), -ENOSPC);
	assert_int_equal(q.used, used);
	assert_int_equal(b.count, 1);
	body_share(&copy, &b);
	for (ssize_t failing = 0; failing < 6; failing++) {
		mem_fail_in = failing;
		assert_int_equal(
			body_allocate(&b, &q, 0, (uint64_t)3 * BODY_EXTENT),
			-ENOMEM);
		mem_fail_in = -1;
		assert_int_equal(q.used, used);
		assert_int_equal(b.count, 1);
		assert_int_equal(body_data(&b), BODY_PAGE);
	}
	/* What is left can still be had. */
	assert_int_equal(body_allocate(&b, &q, 0, (uint64_t)3 * BODY_EXTENT),
			 0);
	assert_int_equal(q.used, used + (uint64_t)3 * BODY_EXTENT);
	body_free(&copy, NULL);
	body_free(&b, &q);
	assert_int_equal(mem_pieces, 0);
}

static void the_far_end_of_the_world_can_be_punched(void **state)
{
	struct quota q = {.limit = MIB};
	struct body b = {0};

	(void)state;
	assert_int_equal(
		body_write(&b, &q, UINT64_C(1) << 61, (const uint8_t *)"x", 1),
		1);
	assert_int_equal(body_punch(&b, &q, 1, UINT64_MAX - 1), 0);
	assert_int_equal(b.count, 0);
	assert_int_equal(body_punch(&b, &q, UINT64_MAX, 5), 0);
	body_free(&b, &q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(holes_are_where_they_were_made),
		counted_test(a_punched_file_gives_its_space_back),
		counted_test(space_is_allocated_up_to_the_quota_and_no_further),
		counted_test(an_allocation_that_fails_takes_nothing),
		counted_test(the_far_end_of_the_world_can_be_punched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
