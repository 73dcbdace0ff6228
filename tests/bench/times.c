/* SPDX-License-Identifier: MIT */
#include "times.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void times_sort(double *t, unsigned n)
{
	qsort(t, n, sizeof(*t), ascending);
}

struct times times_of(double *t, unsigned n)
{
	times_sort(t, n);
	return (struct times){t[n / 8], t[n / 2]};
}

void must(bool done, const char *what)
{
	if (done)
		return;
	(void)fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}
