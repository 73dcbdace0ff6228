/* SPDX-License-Identifier: MIT */
#ifndef TZ_BENCH_TIMES_H
#define TZ_BENCH_TIMES_H

/* What all benchmarks do with times. */

#include <stdbool.h>

struct times {
	double octile, median;
};

/* Microseconds of a clock that nobody sets. */
double now_us(void);

/* Sort the n times in t, the shortest first. */
void times_sort(double *t, unsigned n);

/* The same, and the lower octile and the median of them.  n is not 0. */
struct times times_of(double *t, unsigned n);

/* End with a message: a benchmark of failing calls says nothing. */
void must(bool done, const char *what);

#endif
