/* SPDX-License-Identifier: MIT */
#ifndef TZ_STORE_IMPL_H
#define TZ_STORE_IMPL_H

/* What store.c and history.c share; nobody else looks inside a store. */

#include "store.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

/* Bytes at the end of a file that tell it from others: a seal's tag. */
enum { STORE_EDGE = 32 };

struct store {
	char *path;
	const char *name; /* its last component, within path */
	char *lock_name, *temp_name, *beside_name;
	bool beside; /* beside_name is there, and ours */
	int dir;     /* descriptor of the folder */
	int lock;
	bool known; /* seen says what the file was, last time */
	struct stat seen;
	uint8_t edge[STORE_EDGE]; /* of what was read or written last */
	time_t history_due;	  /* CLOCK_BOOTTIME; before it none is kept */
};

/*
 * Read the file called name in s's folder.  The caller frees *ret.  *st is what
 * fstat(2) says of it.  Errors as store_load()'s.
 */
int store_read(struct blob *ret, struct stat *st, const struct store *s,
	       const char *name, uint64_t limit);

#endif
