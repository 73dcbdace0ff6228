/* SPDX-License-Identifier: MIT */
#include "tools/daemon/autolock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/*
 * A vault that is used, behind a kernel that caches: of all uses between two
 * drops only the first is seen.
 */
struct scene {
	struct autolock a;
	struct autolock_time now;
	uint64_t next;	  /* boot_ms of the next step; 0: none */
	uint64_t drop_ms; /* how long a drop takes */
	uint64_t dropped; /* boot_ms of the end of one; 0: there is none */
	uint64_t uses;
	bool is_cached;
	/* What has happened. */
	unsigned locks, notices;
	uint64_t locked, noticed, left; /* the last of them */
	enum autolock_reason why;
};

static void take_step(struct scene *s)
{
	const struct autolock_step step =
		autolock_step(&s->a, &s->now, s->uses);

	if (step.lock != AUTOLOCK_NOTHING) {
		s->locks++;
		s->locked = s->now.boot_ms;
		s->why = step.lock;
	}
	if (step.notice != AUTOLOCK_NOTHING) {
		s->notices++;
		s->noticed = s->now.boot_ms;
		s->left = step.left_ms;
	}
	s->next = step.next_ms > 0 ? s->now.boot_ms + step.next_ms : 0;
	if (step.drop)
		s->dropped = s->now.boot_ms + s->drop_ms;
}

/* Do what is due now. */
static void due(struct scene *s)
{
	if (s->dropped != 0 && s->now.boot_ms >= s->dropped) {
		s->dropped = 0;
		s->is_cached = false;
		autolock_dropped(&s->a, &s->now);
	}
	/* While it is being dropped, nothing else is done. */
	if (s->dropped == 0 && s->next != 0 && s->now.boot_ms >= s->next)
		take_step(s);
	if (s->dropped != 0 && s->drop_ms == 0)
		due(s);
}

static void begin(struct scene *s, uint64_t idle_ms, uint64_t ttl_ms)
{
	*s = (struct scene){.now = {5000, 3000}};
	autolock_init(&s->a, idle_ms, ttl_ms, &s->now);
	take_step(s);
}

/* Let time pass, a millisecond after the other. */
static void pass(struct scene *s, uint64_t ms)
{
	while (ms-- > 0) {
		s->now.boot_ms++;
		s->now.running_ms++;
		due(s);
	}
}

static void use(struct scene *s)
{
	s->uses += !s->is_cached;
	s->is_cached = true;
}

/* The machine sleeps; what is due is done some time after it wakes. */
static void suspend(struct scene *s, uint64_t ms)
{
	s->now.boot_ms += ms;
}

enum { IDLE = 800, INTERVALS = 50 };

static void stays_open_while_it_is_used(void **state)
{
	static const uint64_t drops[] = {0, 1, IDLE / 20};
	struct scene s;

	(void)state;
	for (size_t d = 0; d < sizeof(drops) / sizeof(drops[0]); d++)
		for (uint64_t rhythm = 1; rhythm < IDLE; rhythm += 7) {
			begin(&s, IDLE, 0);
			s.drop_ms = drops[d];
			while (s.now.boot_ms < INTERVALS * IDLE) {
				pass(&s, rhythm);
				use(&s);
			}
			assert_int_equal(s.locks, 0);
		}
}

static void stays_open_whatever_the_rhythm(void **state)
{
	struct scene s;

	(void)state;
	srand(4711);
	for (int round = 0; round < 100; round++) {
		const uint64_t longest = 1 + (uint64_t)rand() % (IDLE - 1);

		begin(&s, IDLE, 0);
		s.drop_ms = (uint64_t)rand() % 20;
		while (s.now.boot_ms < INTERVALS * IDLE) {
			pass(&s, 1 + (uint64_t)rand() % longest);
			for (int burst = rand() % 5; burst >= 0; burst--)
				use(&s);
		}
		assert_int_equal(s.locks, 0);
	}
}

static void locks_when_it_is_not_used(void **state)
{
	uint64_t last;
	struct scene s;

	(void)state;
	srand(42);
	for (int round = 0; round < 500; round++) {
		begin(&s, IDLE, 0);
		last = s.now.boot_ms;
		for (int uses = rand() % 20; uses > 0; uses--) {
			pass(&s, (uint64_t)rand() % IDLE);
			use(&s);
			last = s.now.boot_ms;
		}
		assert_int_equal(s.locks, 0);
		pass(&s, IDLE + IDLE / 4);
		assert_int_equal(s.locks, 1);
		assert_int_equal(s.why, AUTOLOCK_IDLE);
		assert_in_range(s.locked, last + IDLE, last + IDLE + IDLE / 4);
	}
}

static void never_locks_unless_told_to(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, 0, 0);
	assert_int_equal(s.next, 0);
	pass(&s, 100000);
	assert_int_equal(s.locks, 0);
	assert_int_equal(autolock_left(&s.a, AUTOLOCK_IDLE, &s.now), 0);
	assert_int_equal(autolock_left(&s.a, AUTOLOCK_TTL, &s.now), 0);
}

static void counts_the_time_of_a_suspend(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, IDLE, 0);
	pass(&s, IDLE / 4);
	suspend(&s, IDLE / 2);
	pass(&s, IDLE / 4 + 1);
	assert_int_equal(s.locks, 1);

	begin(&s, 0, IDLE);
	suspend(&s, IDLE);
	pass(&s, 1);
	assert_int_equal(s.locks, 1);
	assert_int_equal(s.why, AUTOLOCK_TTL);
}

static void is_not_kept_open_by_what_was_before_a_suspend(void **state)
{
	struct scene s;

	(void)state;
	/* Used just before it, and by whoever wakes first. */
	for (int first = 0; first < 2; first++) {
		begin(&s, IDLE, 0);
		pass(&s, 10);
		use(&s);
		suspend(&s, IDLE);
		if (first)
			use(&s);
		pass(&s, 1);
		assert_int_equal(s.locks, 1);
	}
	/* While the caches were being dropped. */
	begin(&s, IDLE, 0);
	s.drop_ms = 10;
	use(&s);
	for (int i = 0; i < IDLE && s.dropped == 0; i++)
		pass(&s, 1);
	suspend(&s, IDLE);
	pass(&s, 3);
	assert_int_equal(s.locks, 1);
	/* A short one takes as much from it as it lasts. */
	for (int first = 0; first < 2; first++) {
		begin(&s, IDLE, 0);
		pass(&s, 10);
		use(&s);
		suspend(&s, IDLE / 2);
		if (first)
			use(&s);
		pass(&s, IDLE / 2 - 20);
		assert_int_equal(s.locks, 0);
		pass(&s, IDLE / 4);
		assert_int_equal(s.locks, 1);
	}
}

static void is_kept_open_by_what_comes_after_a_suspend(void **state)
{
	struct scene s;

	(void)state;
	/* Also by one that falls into a drop. */
	for (uint64_t after = 1; after < IDLE / 4; after++) {
		begin(&s, IDLE, 0);
		s.drop_ms = 20;
		use(&s);
		pass(&s, after);
		suspend(&s, IDLE / 2);
		/* The first look. */
		pass(&s, 30);
		for (int i = 0; i < 100; i++) {
			pass(&s, IDLE / 5);
			use(&s);
		}
		assert_int_equal(s.locks, 0);
	}
}

static void tells_a_minute_before(void **state)
{
	const uint64_t minute = AUTOLOCK_NOTICE_MS;
	uint64_t start;
	struct scene s;

	(void)state;
	begin(&s, 5 * minute, 0);
	start = s.now.boot_ms;
	pass(&s, 4 * minute - 1);
	assert_int_equal(s.notices, 0);
	pass(&s, minute - 1);
	assert_int_equal(s.notices, 1);
	assert_int_equal(s.noticed, start + 4 * minute);
	assert_int_equal(s.left, minute);
	/* Used, so that nothing comes of it; then not, and told anew. */
	use(&s);
	pass(&s, 4 * minute - 1);
	assert_int_equal(s.locks, 0);
	assert_int_equal(s.notices, 1);
	pass(&s, 2 * minute);
	assert_int_equal(s.notices, 2);
	assert_int_equal(s.locks, 1);
	assert_in_range(s.locked - s.noticed, minute, minute);
}

static void tells_half_way_if_that_is_less(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, 0, 3000);
	pass(&s, 1499);
	assert_int_equal(s.notices, 0);
	pass(&s, 1);
	assert_int_equal(s.notices, 1);
	assert_int_equal(s.left, 1500);
	assert_int_equal(autolock_left(&s.a, AUTOLOCK_TTL, &s.now), 1500);
	pass(&s, 1500);
	assert_int_equal(s.locks, 1);
	assert_int_equal(s.notices, 1);
}

static void has_a_ttl_whether_or_not_it_is_used(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, IDLE, 10 * IDLE);
	for (int i = 1; i < 100; i++) {
		pass(&s, IDLE / 10);
		use(&s);
	}
	assert_int_equal(s.locks, 0);
	pass(&s, IDLE / 10);
	assert_int_equal(s.locks, 1);
	assert_int_equal(s.why, AUTOLOCK_TTL);
}

static void waits_for_a_lease(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, 0, 0);
	autolock_await_lease(&s.a, &s.now);
	take_step(&s);
	pass(&s, AUTOLOCK_LEASE_MS - 1);
	assert_int_equal(s.locks, 0);
	pass(&s, 1);
	assert_int_equal(s.locks, 1);
	assert_int_equal(s.why, AUTOLOCK_LEASE);
	assert_int_equal(s.notices, 0);

	begin(&s, 0, 0);
	autolock_await_lease(&s.a, &s.now);
	take_step(&s);
	pass(&s, AUTOLOCK_LEASE_MS - 1);
	autolock_leased(&s.a);
	pass(&s, 2 * AUTOLOCK_LEASE_MS);
	assert_int_equal(s.locks, 0);
}

static void tries_again_what_did_not_come_about(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, 0, 1000);
	pass(&s, 1000 + 3 * AUTOLOCK_RETRY_MS);
	assert_int_equal(s.locks, 4);

	begin(&s, 0, 0);
	autolock_await_lease(&s.a, &s.now);
	take_step(&s);
	pass(&s, AUTOLOCK_LEASE_MS + 3 * AUTOLOCK_RETRY_MS);
	assert_int_equal(s.locks, 4);

	begin(&s, IDLE, 0);
	pass(&s, 4 * (IDLE + IDLE / 8 + 1));
	assert_int_equal(s.locks, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_open_while_it_is_used),
		cmocka_unit_test(stays_open_whatever_the_rhythm),
		cmocka_unit_test(locks_when_it_is_not_used),
		cmocka_unit_test(never_locks_unless_told_to),
		cmocka_unit_test(counts_the_time_of_a_suspend),
		cmocka_unit_test(is_not_kept_open_by_what_was_before_a_suspend),
		cmocka_unit_test(is_kept_open_by_what_comes_after_a_suspend),
		cmocka_unit_test(tells_a_minute_before),
		cmocka_unit_test(tells_half_way_if_that_is_less),
		cmocka_unit_test(has_a_ttl_whether_or_not_it_is_used),
		cmocka_unit_test(waits_for_a_lease),
		cmocka_unit_test(tries_again_what_did_not_come_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
