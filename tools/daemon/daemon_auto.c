/* SPDX-License-Identifier: MIT */
/*
 * How a daemon locks by itself.  autolock.h decides; this has the clocks, the
 * leases, and those who are told.
 */
#include "daemon_impl.h"

#include "fs/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { DROPPING_MS = 50 }; /* between looks whether that is over */

static struct autolock_time now(void)
{
	return (struct autolock_time){
		.boot_ms = (uint64_t)clock_ms(CLOCK_BOOTTIME),
		.running_ms = (uint64_t)clock_ms(CLOCK_MONOTONIC),
	};
}

/* A time as one says it: "90 s", "15 min". */
static const char *say_ms(char text[static 32], uint64_t ms)
{
	if (ms < 1000)
		(void)snprintf(text, 32, "%" PRIu64 " ms", ms);
	else if (ms < 120000)
		(void)snprintf(text, 32, "%" PRIu64 " s", ms / 1000);
	else if (ms < UINT64_C(2) * 3600000)
		(void)snprintf(text, 32, "%" PRIu64 " min", ms / 60000);
	else
		(void)snprintf(text, 32, "%" PRIu64 " h", ms / 3600000);
	return text;
}

/* Write it to the leasing terminals.  The caller has the memory. */
static void tell_terminals(const struct daemon *d, const char *what)
{
	char *text = NULL;

	if (asprintf(&text, "tazpod: %s: %s", d->parts->dir, what) < 0)
		return;
	msg_clean(text);
	leases_tell(d->automatic.leases, text);
	free(text);
}

static void notice(const struct daemon *d, const struct autolock_step *step)
{
	const struct lock_options *o = &d->parts->options->lock;
	char *text = NULL, left[32];
	int len;

	/* Rounded, since the timer is some milliseconds late. */
	(void)say_ms(left, step->left_ms < 900
				   ? step->left_ms
				   : (step->left_ms + 500) / 1000 * 1000);
	if (step->notice == AUTOLOCK_IDLE)
		len = asprintf(&text, "locks in %s, unless it is used", left);
	else
		len = asprintf(&text,
			       "locks in %s, since it has been unlocked for "
			       "long enough",
			       left);
	if (len < 0)
		return;
	tell_terminals(d, text);
	if (o->notify != NULL)
		keeper_notify(d->keeper, o->notify, text);
	free(text);
}

static void lock(struct daemon *d, const char *why)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "locks now: %s", why);
	tell_terminals(d, text);
	ending_demand(d->ending, why);
}

static void lock_for(struct daemon *d, enum autolock_reason reason)
{
	const struct lock_options *o = &d->parts->options->lock;
	char why[96], time[32];

	if (reason == AUTOLOCK_IDLE)
		(void)snprintf(why, sizeof(why), "not used for %s",
			       say_ms(time, o->idle_ms));
	else if (reason == AUTOLOCK_TTL)
		(void)snprintf(why, sizeof(why), "unlocked for %s",
			       say_ms(time, o->ttl_ms));
	else
		(void)snprintf(why, sizeof(why), "nobody has taken a lease");
	lock(d, why);
}

static void wake_in(const struct daemon *d, uint64_t ms)
{
	const struct itimerspec at = {
		.it_value = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000},
	};

	(void)timerfd_settime(d->automatic.timer, 0, &at, NULL);
}

static void on_dropped(void *ctx)
{
	struct daemon *d = ctx;
	const struct autolock_time t = now();

	d->automatic.is_dropping = false;
	autolock_dropped(&d->automatic.when, &t);
}

/* Do what is to be done now. */
static void step(struct daemon *d)
{
	const struct autolock_time t = now();
	struct autolock_step s;
	int err;

	if (d->automatic.is_stopped)
		return;
	if (d->automatic.is_dropping) {
		wake_in(d, DROPPING_MS);
		return;
	}
	s = autolock_step(&d->automatic.when, &t, backend_uses(d->backend));
	if (s.notice != AUTOLOCK_NOTHING)
		notice(d, &s);
	if (s.lock != AUTOLOCK_NOTHING)
		lock_for(d, s.lock);
	wake_in(d, s.next_ms);
	if (!s.drop)
		return;
	err = backend_drop(d->backend, on_dropped, d);
	if (err == 0)
		d->automatic.is_dropping = true;
	/* Else use is seen anyhow. */
	else if (err != -EOPNOTSUPP)
		autolock_not_dropped(&d->automatic.when);
}

static void on_timer(void *ctx, int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	step(ctx);
}

static void on_last(void *ctx)
{
	struct daemon *d = ctx;
	const struct autolock_time t = now();

	if (d->automatic.is_stopped || !d->parts->options->lock.lease)
		return;
	/* If it cannot be saved now, that is tried again. */
	autolock_await_lease(&d->automatic.when, &t);
	step(d);
	lock(d, "the last lease has ended");
}

int daemon_auto_start(struct daemon *d)
{
	const struct lock_options *o = &d->parts->options->lock;
	const struct autolock_time t = now();
	int err;

	autolock_init(&d->automatic.when, o->idle_ms, o->ttl_ms, &t);
	if (o->lease)
		autolock_await_lease(&d->automatic.when, &t);
	d->automatic.timer =
		timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->automatic.timer < 0)
		return -errno;
	err = leases_new(&d->automatic.leases, d->loop, on_last, d);
	if (err == 0)
		err = loop_add(d->loop, d->automatic.timer, on_timer, d);
	if (err == 0) {
		keeper_listen(d->keeper, o->suspend, o->session);
		step(d);
	}
	return err;
}

int daemon_auto_lease(struct daemon *d, int process, int terminal)
{
	int err;

	/* A lease of what is about to be locked would be worth nothing. */
	if (d->automatic.is_stopped || ending_is_under_way(d->ending)) {
		(void)close(process);
		if (terminal >= 0)
			(void)close(terminal);
		return -ESHUTDOWN;
	}
	err = leases_add(d->automatic.leases, process, terminal);
	if (err == 0)
		autolock_leased(&d->automatic.when);
	return err;
}

static void print_left(FILE *out, const char *key, uint64_t ms,
		       uint64_t left_ms)
{
	(void)fprintf(out, "%s_ms=%" PRIu64 "\n%s_left_ms=%" PRIu64 "\n", key,
		      ms, key, left_ms);
}

void daemon_auto_print(const struct daemon *d, FILE *out)
{
	const struct lock_options *o = &d->parts->options->lock;
	const struct autolock *a = &d->automatic.when;
	const struct autolock_time t = now();

	(void)fprintf(out, "leases=%zu\nlease_only=%d\n",
		      leases_count(d->automatic.leases), o->lease);
	print_left(out, "idle", o->idle_ms,
		   autolock_left(a, AUTOLOCK_IDLE, &t));
	print_left(out, "ttl", o->ttl_ms, autolock_left(a, AUTOLOCK_TTL, &t));
}

void daemon_auto_free(struct daemon *d)
{
	daemon_auto_stop(d);
	leases_free(d->automatic.leases);
}

void daemon_auto_stop(struct daemon *d)
{
	if (d->automatic.leases == NULL || d->automatic.is_stopped)
		return;
	/* A drop may still end. */
	d->automatic.is_stopped = true;
	loop_remove(d->loop, d->automatic.timer);
	(void)close(d->automatic.timer);
}
