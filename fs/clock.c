/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <sys/timerfd.h>

enum { MS_PER_SECOND = 1000, NS_PER_MS = 1000000 };

int64_t clock_ms(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * MS_PER_SECOND + t.tv_nsec / NS_PER_MS;
}

void clock_wake_in(int timer, uint64_t ms)
{
	/* Nothing at all would stop it. */
	const struct itimerspec at = {
		.it_value = {(time_t)(ms / MS_PER_SECOND),
			     (long)(ms % MS_PER_SECOND) * NS_PER_MS + 1},
	};

	(void)timerfd_settime(timer, 0, &at, NULL);
}

int64_t clock_since_ms(clockid_t clock, const struct timespec *t)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return ((int64_t)now.tv_sec - t->tv_sec) * MS_PER_SECOND +
	       (now.tv_nsec - t->tv_nsec) / NS_PER_MS;
}
