/* SPDX-License-Identifier: MIT */
#include "autoseal.h"

#include "clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { RETRY_MS = 1000, RETRY_MAX_MS = 60000 };

struct autoseal {
	struct autoseal_policy policy;
	struct loop *loop;
	struct saver *saver; /* NULL: stopped, and kept for a seal's answer */
	int timer;
	bool pending; /* there are changes that no seal has been begun for */
	bool busy;    /* a seal of ours is under way */
	uint64_t first_ms, last_ms; /* of those changes */
	uint32_t retry_ms;	    /* 0: the last seal succeeded */
};

static uint64_t now_ms(void)
{
	return (uint64_t)clock_ms(CLOCK_MONOTONIC);
}

/* When the pending changes are to be sealed. */
static uint64_t due_ms(const struct autoseal *a)
{
	uint64_t quiet = a->last_ms + a->policy.quiet_ms;
	uint64_t most = a->first_ms + a->policy.most_ms;

	return quiet < most ? quiet : most;
}

static void on_sealed(void *ctx, int err)
{
	struct autoseal *a = ctx;

	a->busy = false;
	if (a->saver == NULL) {
		free(a);
		return;
	}
	if (a->policy.sealed != NULL)
		a->policy.sealed(a->policy.ctx, err);
	if (err == 0) {
		a->retry_ms = 0;
		if (a->pending)
			clock_wake_in(a->timer, a->policy.quiet_ms);
		return;
	}
	a->retry_ms = a->retry_ms == 0 ? RETRY_MS : a->retry_ms * 2;
	if (a->retry_ms > RETRY_MAX_MS)
		a->retry_ms = RETRY_MAX_MS;
	a->pending = true;
	clock_wake_in(a->timer, a->retry_ms);
}

static void on_timer(void *ctx, int fd)
{
	struct autoseal *a = ctx;
	uint64_t count, now = now_ms(), due = due_ms(a);
	int err;

	(void)!read(fd, &count, sizeof(count));
	if (!a->pending || a->busy)
		return;
	if (a->retry_ms == 0 && now < due) {
		clock_wake_in(a->timer, due - now);
		return;
	}
	a->pending = false;
	a->busy = true;
	err = saver_request(a->saver, VAULT_SESSION, on_sealed, a);
	if (err != 0)
		on_sealed(a, err);
}

int autoseal_start(struct autoseal **ret, struct loop *loop, struct saver *s,
		   const struct autoseal_policy *policy)
{
	struct autoseal *a = calloc(1, sizeof(*a));
	int err;

	if (a == NULL)
		return -ENOMEM;
	a->policy = *policy;
	if (a->policy.quiet_ms > a->policy.most_ms)
		a->policy.quiet_ms = a->policy.most_ms;
	a->loop = loop;
	a->saver = s;
	a->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = a->timer < 0 ? -errno : loop_add(loop, a->timer, on_timer, a);
	if (err != 0) {
		if (a->timer >= 0)
			(void)close(a->timer);
		free(a);
		return err;
	}
	*ret = a;
	return 0;
}

void autoseal_changed(struct autoseal *a)
{
	a->last_ms = now_ms();
	if (a->pending)
		return;
	a->pending = true;
	a->first_ms = a->last_ms;
	/* A seal under way sets the timer when it ends. */
	if (!a->busy)
		clock_wake_in(a->timer, a->policy.quiet_ms);
}

void autoseal_settled(struct autoseal *a)
{
	a->retry_ms = 0;
	a->pending = false;
}

void autoseal_stop(struct autoseal *a)
{
	if (a == NULL)
		return;
	loop_remove(a->loop, a->timer);
	(void)close(a->timer);
	a->saver = NULL;
	if (!a->busy)
		free(a);
}
