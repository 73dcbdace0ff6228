/* SPDX-License-Identifier: MIT */
#ifndef TZ_KNOWN_H
#define TZ_KNOWN_H

/* What is known of the files that a tree is shown as (ramfiles.h), by their
 * inode numbers.  There is no secret in it, and it is not in locked memory. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct known {
	uint64_t ino;	 /* of the file; 0: no entry */
	uint64_t node;	 /* of the tree */
	uint64_t parent; /* of the folder where its name was seen last */
	/* As it was when it was read last: as long as these are the same, so is
	 * the rest. */
	uint64_t size;
	struct timespec mtime, ctime;
	bool is_racy; /* a change just after that need not show in them */
	/* As it was shown; the tree may have others, that cannot be shown. */
	uint32_t mode, uid, gid;
	int watch; /* of a folder: its watch; 0: none */
};

/* {0} is a valid empty table. */
struct known_table {
	struct known *at; /* open addressing; room is a power of two */
	size_t room, count;
};

/* The entry with that number, or NULL. */
struct known *known_find(const struct known_table *t, uint64_t ino);

/* Add or replace one; *ret is valid until the next is added.  0 or -ENOMEM. */
int known_add(struct known **ret, struct known_table *t, const struct known *k);

/* Release t, and leave it empty. */
void known_free(struct known_table *t);

#endif
