/* SPDX-License-Identifier: MIT */
#ifndef TZ_CLOCK_H
#define TZ_CLOCK_H

#include <stdint.h>
#include <time.h>

/* What a clock of clock_gettime(2) shows, in milliseconds. */
int64_t clock_ms(clockid_t clock);

/*
 * Have a timer (timerfd_create(2)) fire once, ms milliseconds from now; for 0,
 * at once.
 */
void clock_wake_in(int timer, uint64_t ms);

/* How long ago t was by that clock, in milliseconds; negative if it is to come.
 */
int64_t clock_since_ms(clockid_t clock, const struct timespec *t);

#endif
