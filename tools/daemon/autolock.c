/* SPDX-License-Identifier: MIT */
#include "autolock.h"

enum { LOOKS = 8 }; /* in the time after which an unused vault locks */

void autolock_init(struct autolock *a, uint64_t idle_ms, uint64_t ttl_ms,
		   const struct autolock_time *now)
{
	*a = (struct autolock){
		.idle_ms = idle_ms,
		.ttl_ms = ttl_ms,
		.ttl_at = ttl_ms > 0 ? now->boot_ms + ttl_ms : 0,
		.used_at = now->boot_ms,
		.seen = *now,
	};
}

void autolock_await_lease(struct autolock *a, const struct autolock_time *now)
{
	a->lease_at = now->boot_ms + AUTOLOCK_LEASE_MS;
}

void autolock_leased(struct autolock *a)
{
	a->lease_at = 0;
}

/* How long before a lock it is told. */
static uint64_t notice_ms(uint64_t interval_ms)
{
	return interval_ms / 2 < AUTOLOCK_NOTICE_MS ? interval_ms / 2
						    : AUTOLOCK_NOTICE_MS;
}

/* The time between last look and now in which the machine was suspended. */
static uint64_t suspended_ms(const struct autolock *a,
			     const struct autolock_time *now)
{
	const uint64_t all = now->boot_ms - a->seen.boot_ms;
	const uint64_t running = now->running_ms - a->seen.running_ms;

	return all > running ? all - running : 0;
}

/* Take in how often it has been used.  True: it was, since the last look. */
static bool look(struct autolock *a, const struct autolock_time *now,
		 uint64_t uses)
{
	const bool used = uses != a->uses;

	/* Whatever it was, it was before a suspend: after that, this is the
	 * first to wake. */
	if (used)
		a->used_at = now->boot_ms - suspended_ms(a, now);
	a->uses = uses;
	a->seen = *now;
	return used;
}

/* When it locks for that reason, in boot_ms; 0: never. */
static uint64_t lock_at(const struct autolock *a, enum autolock_reason reason)
{
	switch (reason) {
	case AUTOLOCK_IDLE:
		return a->idle_ms > 0 ? a->used_at + a->idle_ms : 0;
	case AUTOLOCK_TTL:
		return a->ttl_at;
	case AUTOLOCK_LEASE:
		return a->lease_at;
	case AUTOLOCK_NOTHING:
		break;
	}
	return 0;
}

uint64_t autolock_left(const struct autolock *a, enum autolock_reason reason,
		       const struct autolock_time *now)
{
	const uint64_t at = lock_at(a, reason);

	return at > now->boot_ms ? at - now->boot_ms : 0;
}

/* Let step come no later than at. */
static void wake_at(struct autolock_step *step, uint64_t at,
		    const struct autolock_time *now)
{
	const uint64_t ms = at > now->boot_ms ? at - now->boot_ms : 1;

	if (at != 0 && (step->next_ms == 0 || ms < step->next_ms))
		step->next_ms = ms;
}

/* Is a lock for that reason due, or is it to be told of? */
static void judge(struct autolock *a, struct autolock_step *step,
		  enum autolock_reason reason, const struct autolock_time *now)
{
	const bool is_ttl = reason == AUTOLOCK_TTL;
	const uint64_t at = lock_at(a, reason);
	const uint64_t before =
		reason == AUTOLOCK_LEASE
			? 0
			: notice_ms(is_ttl ? a->ttl_ms : a->idle_ms);
	bool *told = is_ttl ? &a->ttl_told : &a->idle_told;

	if (at == 0)
		return;
	if (now->boot_ms >= at) {
		step->lock = reason;
		return;
	}
	wake_at(step, at, now);
	if (before == 0 || *told)
		return;
	if (now->boot_ms < at - before) {
		wake_at(step, at - before, now);
		return;
	}
	*told = true;
	step->notice = reason;
	step->left_ms = at - now->boot_ms;
}

/* The lock may not come about, and then is tried again. */
static void put_off(struct autolock *a, enum autolock_reason reason,
		    const struct autolock_time *now)
{
	if (reason == AUTOLOCK_IDLE)
		a->used_at = now->boot_ms;
	else if (reason == AUTOLOCK_TTL)
		a->ttl_at = now->boot_ms + AUTOLOCK_RETRY_MS;
	else if (reason == AUTOLOCK_LEASE)
		a->lease_at = now->boot_ms + AUTOLOCK_RETRY_MS;
}

struct autolock_step autolock_step(struct autolock *a,
				   const struct autolock_time *now,
				   uint64_t uses)
{
	struct autolock_step step = {0};

	if (a->idle_ms > 0 && look(a, now, uses)) {
		step.drop = true;
		a->idle_told = false;
	}
	judge(a, &step, AUTOLOCK_IDLE, now);
	judge(a, &step, AUTOLOCK_TTL, now);
	judge(a, &step, AUTOLOCK_LEASE, now);
	put_off(a, step.lock, now);
	if (a->idle_ms > 0)
		wake_at(&step, now->boot_ms + a->idle_ms / LOOKS + 1, now);
	else if (step.lock != AUTOLOCK_NOTHING)
		wake_at(&step, now->boot_ms + AUTOLOCK_RETRY_MS, now);
	return step;
}

void autolock_dropped(struct autolock *a, const struct autolock_time *now)
{
	/* Until then it may have been used unseen; but not while the machine
	 * was suspended, be that before the look or since. */
	a->used_at += now->running_ms - a->seen.running_ms;
	a->seen = *now;
}

void autolock_not_dropped(struct autolock *a)
{
	/* The next look finds some. */
	a->uses--;
}
