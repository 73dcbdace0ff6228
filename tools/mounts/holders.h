/* SPDX-License-Identifier: MIT */
#ifndef TZ_HOLDERS_H
#define TZ_HOLDERS_H

/*
 * Which processes hold something of a filesystem: open descriptors, their
 * working folder, root or program, mappings.  The kernel is asked, and never
 * the filesystem itself, whose daemon may hang.
 *
 * What is not seen: processes that this user may not look into, as those of
 * others; descriptors that only one thread has, or that are on their way
 * through a socket; and what the kernel itself holds, as a loop device.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
	HOLDERS_MAX = 512, /* each has a descriptor; the usual limit is 1024 */
	HOLDER_NAME_LEN = 64, /* the kernel's names are shorter */
};

/* The first of these that was found. */
enum holder_how {
	HOLDER_FILE, /* an open descriptor */
	HOLDER_FOLDER,
	HOLDER_ROOT,
	HOLDER_PROGRAM,
	HOLDER_MAPPING,
};

/* One process. */
struct holder {
	struct holder *next;
	pid_t pid;
	int pidfd; /* opened when it was found: no other process is meant */
	char name[HOLDER_NAME_LEN]; /* of the program; may have any bytes */
	enum holder_how how;
	unsigned more;	   /* paths that it holds beside that */
	bool is_elsewhere; /* in another mount namespace */
	/* It must not be ended: who started us, or process 1. */
	bool is_spared;
	char path[]; /* what it holds so; "" if that has no name */
};

struct holders {
	struct holder *first, *last;
	size_t count;
	size_t left_out; /* those for which there was no room */
};

/*
 * All that hold something of the filesystem with that device number, but this
 * process, its daemon and the daemon's keeper.  The caller frees *ret.  0,
 * -ENOMEM, -ESRCH if /proc shows other processes than ours, or the -errno of
 * opening /proc.
 */
int holders_find(struct holders *ret, dev_t dev, pid_t daemon);

/* Is it still there? */
bool holders_is_alive(const struct holder *h);

/* Release them.  None are a no-op. */
void holders_free(struct holders *h);

#endif
