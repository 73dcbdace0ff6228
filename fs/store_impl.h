/* SPDX-License-Identifier: MIT */
#ifndef TZ_STORE_IMPL_H
#define TZ_STORE_IMPL_H

/* What store.c, store_write.c and history.c share; nobody else looks inside a
 * store. */

#include "store.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

/* Bytes at the end of a file that tell it from others: a seal's tag. */
enum { STORE_EDGE = 32 };

/* What is being written to the temporary file. */
struct writing {
	int fd, again; /* to write it, and to read it back; or -1 */
	size_t filled; /* of buf */
	uint8_t edge[STORE_EDGE];
	uint8_t *buf;
};

struct store {
	char *path;
	const char *name; /* its last component, within path */
	char *lock_name, *temp_name, *beside_name;
	bool beside; /* beside_name is there, and ours */
	int dir;     /* descriptor of the folder */
	int lock;
	int file;	     /* descriptor of the file, which locks it; or -1 */
	struct writing *out; /* NULL: nothing is begun */
	bool known;	     /* seen says what the file was, last time */
	struct stat seen;
	uint8_t edge[STORE_EDGE]; /* of what was read or written last */
	time_t history_due;	  /* CLOCK_BOOTTIME; before it none is kept */
};

/* Why the last call failed, as -errno: never 0, even if errno is. */
int store_failed(void);

/* Take the lock of the file itself: 0, or -EAGAIN. */
int store_lock_file(int fd);

/*
 * Read the file called name in s's folder.  The caller frees *ret.  *st is what
 * fstat(2) says of it.  Errors as store_load()'s.
 */
int store_read(struct blob *ret, struct stat *st, const struct store *s,
	       const char *name, uint64_t limit);

#endif
