/* SPDX-License-Identifier: MIT */
#include "endings.h"

static void who_asks_again_does_not_put_off(void **state)
{
	(void)state;
	ending_demand(w.ending, NULL);
	end_flush(0);
	ending_demand(w.ending, "again");
	ending_demand(w.ending, NULL);
	assert_int_equal(w.patience_starts, 1);
	lose_patience();
	end_drop();
	end_revoke();
	end_save(0);
	assert_true(w.stopped);
}

static void what_is_revoked_is_tried_again(void **state)
{
	(void)state;
	w.changes = 1;
	ending_demand(w.ending, NULL);
	end_flush(0);
	lose_patience();
	end_drop();
	end_revoke();
	for (int i = 0; i < 3; i++) {
		end_save(-ENOSPC);
		end_rescue(-ENOSPC);
		retry();
	}
	end_save(0);
	assert_true(w.stopped);
}

/* Given up between the end of patience and that of the revocation. */
static void given_up_while_revoked(void **state)
{
	(void)state;
	w.changes = 1;
	ending_demand(w.ending, NULL);
	end_flush(0);
	lose_patience();
	end_save(-EIO);
	end_save(-EIO);
	end_rescue(-EIO);
	end_drop();
	end_revoke();
	end_save(0);
	assert_true(w.stopped);
}

static void a_flush_that_hangs(void **state)
{
	(void)state;
	w.is_cached = true;
	ending_demand(w.ending, NULL);
	lose_patience();
	end_drop();
	end_revoke();
	end_save(0);
	assert_true(w.stopped);
}

/* SIGTERM, and umount -l before anything was flushed. */
static void detached_during_a_lock(void **state)
{
	(void)state;
	w.is_cached = w.detached = true;
	ending_demand(w.ending, NULL);
	end_flush(0);
	detach();
	end_save(0);
	assert_false(w.stopped);
	end_drop();
	end_revoke();
	end_save(0);
	assert_true(w.stopped);
}

static void detached_while_the_disk_hangs(void **state)
{
	(void)state;
	(void)ask(false);
	end_flush(0);
	detach();
	end_drop();
	end_revoke();
	assert_true(w.revoked);
	end_save(0);
	assert_true(w.stopped);
}

static void a_lock_after_a_discard(void **state)
{
	(void)state;
	w.changes = 1;
	(void)ask(true);
	assert_int_equal(ask(false)->err, -ESHUTDOWN);
	end_revoke();
	assert_true(w.stopped);
}

/* What cannot be taken from files in memory is nowhere else. */
static void what_cannot_be_taken_stays(void **state)
{
	(void)state;
	w.freeze_error = -ENAMETOOLONG;
	ending_demand(w.ending, NULL);
	end_flush(-ENAMETOOLONG);
	end_save(0);
	assert_false(w.stopped);
	assert_false(w.frozen);
	/* Who still writes is no reason, when nobody asks. */
	w.freeze_error = -ETXTBSY;
	ending_demand(w.ending, NULL);
	end_flush(0);
	end_save(0);
	end_flush(0);
	end_revoke();
	assert_true(w.stopped);
}

/* Files in memory are written to until they are wiped. */
static void what_comes_at_the_end_is_saved(void **state)
{
	(void)state;
	w.freeze_error = -ETXTBSY;
	ending_demand(w.ending, NULL);
	end_flush(0);
	end_save(0);
	end_flush(0);
	w.changes++;
	end_revoke();
	assert_false(w.stopped);
	w.freeze_error = 0;
	end_save(0);
	assert_true(w.stopped);
}

static void what_cannot_be_taken_is_tried_again(void **state)
{
	(void)state;
	w.freeze_error = -ENOMEM;
	detach();
	end_drop();
	end_revoke();
	for (int i = 0; i < 3; i++) {
		end_save(0);
		assert_false(w.stopped);
		retry();
	}
	w.freeze_error = 0;
	end_save(0);
	assert_true(w.stopped);
}

/* Let one thing happen that may happen now; false: there is none left. */
static bool happen(unsigned what, int err)
{
	bool *const there[] = {&w.flush.is_there,  &w.save.is_there,
			       &w.rescue.is_there, &w.drop.is_there,
			       &w.revoke.is_there, &w.retry_runs};
	const size_t count = sizeof(there) / sizeof(there[0]);
	size_t i = 0;

	while (i < count && !*there[what % count]) {
		what++;
		i++;
	}
	if (i == count)
		return false;
	switch (what % count) {
	case 0:
		end_flush(err);
		break;
	case 1:
		/* The kernel tells of it at once, a disk does not. */
		if (w.detached)
			detach();
		end_save(err);
		break;
	case 2:
		end_rescue(err);
		break;
	case 3:
		end_drop();
		break;
	case 4:
		end_revoke();
		break;
	default:
		retry();
	}
	return true;
}

static void ask_for_something(unsigned what)
{
	if (what < 3)
		(void)ask(what == 0);
	else if (what < 6)
		ending_demand(w.ending, what == 4 ? "why" : NULL);
	else if (what == 6 && !w.detached && !w.gone)
		w.detached = true; /* and not noticed yet */
	else if (what == 10 && w.detached)
		detach();
	else if (what == 7 && !w.gone)
		lose_connection();
	else if (what == 8 && w.patience_runs)
		lose_patience();
	else if (what == 9 && !w.frozen && !w.revoked && !w.gone)
		w.changes++;
}

/* Whoever waits, waits for something that is to come. */
static void assert_going_on(void)
{
	bool is_waited_for = w.frozen || w.revoked || w.gone;

	for (size_t i = 0; i < w.request_count; i++)
		is_waited_for = is_waited_for || !w.requests[i].is_answered;
	if (!w.stopped && is_waited_for)
		assert_true(w.flush.is_there || w.save.is_there ||
			    w.rescue.is_there || w.drop.is_there ||
			    w.revoke.is_there || w.retry_runs);
}

static unsigned draw(uint64_t *seed, unsigned below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1;
	return (unsigned)(*seed >> 33) % below;
}

/* All orders that chance finds. */
static void any_order(void **state)
{
	enum { WALKS = 200000, STEPS = 24 };
	uint64_t seed = 1;

	for (int walk = 0; walk < WALKS; walk++) {
		w.is_cached = draw(&seed, 2) == 0;
		for (int i = 0; i < STEPS && !w.stopped; i++) {
			if (draw(&seed, 3) == 0)
				ask_for_something(draw(&seed, 11));
			else
				(void)happen(draw(&seed, 6),
					     draw(&seed, 2) == 0 ? -EIO : 0);
			assert_going_on();
		}
		/* And now the disk is well. */
		if (w.detached && !w.stopped)
			detach();
		while (!w.stopped && happen(draw(&seed, 6), 0))
			assert_going_on();
		if (w.detached || w.gone || w.discarded)
			assert_true(w.stopped);
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_asks_again_does_not_put_off),
		TEST(what_is_revoked_is_tried_again),
		TEST(given_up_while_revoked),
		TEST(a_flush_that_hangs),
		TEST(detached_during_a_lock),
		TEST(detached_while_the_disk_hangs),
		TEST(a_lock_after_a_discard),
		TEST(what_cannot_be_taken_stays),
		TEST(what_comes_at_the_end_is_saved),
		TEST(what_cannot_be_taken_is_tried_again),
		TEST(any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
