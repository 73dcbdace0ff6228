/* SPDX-License-Identifier: MIT */
#ifndef TZ_STORE_IMPL_H
#define TZ_STORE_IMPL_H

/* What store*.c and history.c share; nobody else looks inside a
 * store. */

#include "store.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

/* Bytes at the end of a file that tell it from others: a seal's tag. */
enum { STORE_EDGE = 32 };

/* What a file is known by. */
struct store_file {
	struct stat st;
	uint8_t edge[STORE_EDGE]; /* its last bytes; zeros if it has fewer */
};

/* What is being written: to the temporary file, or for a file in place. */
struct writing {
	int fd, again;	/* to write it, and to read it back; or -1 */
	struct stat st; /* of the temporary file, when it is complete */
	size_t filled;	/* of buf */
	uint8_t edge[STORE_EDGE];
	uint8_t *buf;		   /* NULL: in place */
	struct blob_builder image; /* in place: all of it */
	size_t given;		   /* ... and read back */
};

struct store {
	char *path;
	const char *name; /* its last component, within path */
	char *lock_name, *temp_name, *beside_name;
	bool can_write;
	bool is_in_place; /* the file is overwritten, not replaced */
	bool is_new;	  /* nothing may have its name until it is saved */
	bool beside;	  /* beside_name is there, and ours: this one */
	struct stat beside_seen;
	int dir;	     /* descriptor of the folder */
	int lock;	     /* ... of the side file; or -1 */
	int file;	     /* ... of the file, which locks it; or -1 */
	int old;	     /* ... of the one before it; or -1 */
	struct writing *out; /* NULL: nothing is begun */
	bool known;	     /* seen says what the file was, last time */
	struct store_file seen;
	time_t history_due; /* CLOCK_BOOTTIME; before it none is kept */
};

/* Why the last call failed, as -errno: never 0, even if errno is. */
int store_failed(void);

/* Bytes of a vault's name that the name of a conflict copy begins with. */
size_t store_stem(const struct store *s);

/* openat(2) without mode, and again after a signal.  -1 and errno. */
int store_openat(int dir, const char *name, int flags);

/* Make and lock the side file: 0, -EAGAIN, -EROFS or another -errno. */
int store_take_lock(struct store *s);

/* Open and lock the file itself: 0, -EAGAIN, -EROFS or another -errno. */
int store_take_file(struct store *s);

/*
 * Take the lock of the file itself: one that others may share, or one alone.
 * 0, or -EAGAIN.
 */
int store_lock_file(int fd, bool alone);

/*
 * Make the file, as it is found, durable: a process that put it in its place
 * may have been killed before it was.  0 or -errno.
 */
int store_settle(const struct store *s);

/* Are both the same file with the same contents, as far as that shows? */
bool store_is_same(const struct stat *a, const struct stat *b);

/* Remember the file, as it is now, for the one that was saved last. */
void store_remember(struct store *s);

/*
 * Read the file called name in s's folder.  *f is what it is to be known by;
 * what is handed out is the vault in it (inplace_find()).  The caller frees
 * *ret. Errors as store_load()'s.
 */
int store_read(struct blob *ret, struct store_file *f, const struct store *s,
	       const char *name, uint64_t limit);

#endif
