/* SPDX-License-Identifier: MIT */
#ifndef TZ_BENCH_H
#define TZ_BENCH_H

/* The workloads that fs.c times, and the folder that each side works in. */

#include <stdbool.h>
#include <stddef.h>

enum {
	FOLDERS = 10,
	FILES = 50, /* in each folder */
	SMALL = 1024,
	HUNDRED = 100,
	APPEND = 100,
	PAGE = 4096,
	LARGE = 32 << 20,
	PIECE = 128 << 10,
};

struct side {
	const char *label;
	int top;	    /* the folder */
	int fd;		    /* of what prepare() has opened, or -1 */
	unsigned char *buf; /* LARGE bytes, touched */
	unsigned long sum;  /* of what was read, so that it is read */
};

struct workload {
	const char *name;
	/* Before each run, not timed; may be NULL. */
	void (*prepare)(struct side *s);
	/* What is timed.  Returns how often the operation was done. */
	unsigned (*run)(struct side *s);
	bool cold; /* the kernel's caches are dropped before each run */
	/* Times of tmpfs's to reach by default, and with writeback; 0: none. */
	double reach, reach_writeback;
};

extern const struct workload workloads[];
extern const size_t workload_count;

/* Fill a side's folder with what the workloads read. */
void side_fill(struct side *s);

#endif
