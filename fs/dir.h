/* SPDX-License-Identifier: MIT */
#ifndef TZ_DIR_H
#define TZ_DIR_H

/*
 * The names in one folder.  Two views of the same entries: a hash table to
 * find a name, and a list in order of cookies to list them.  A cookie is the
 * entry's for life and never used again, so a listing that is taken up at a
 * cookie misses nothing and shows nothing twice, whatever came and went.
 */

#include <stddef.h>
#include <stdint.h>

enum { DIR_NAME_MAX = 255 };

struct node;

struct entry {
	struct entry *chain; /* next in its bucket */
	struct node *node;
	uint64_t cookie; /* above DIR_FIRST */
	uint32_t hash;
	char name[];
};

/* The highest cookie that no entry has: "." and ".." may use 1 and 2. */
enum { DIR_FIRST = 2 };

/* A place in the listing; entry is NULL where one was removed. */
struct dir_place {
	uint64_t cookie;
	struct entry *entry;
};

/* {0} is a valid empty folder. */
struct dir {
	struct entry **buckets;
	size_t bucket_count;
	struct dir_place *places; /* ascending cookies */
	size_t place_count, place_room;
	size_t count; /* entries */
	uint64_t last_cookie;
};

/* The entry called name, or NULL. */
struct entry *dir_find(const struct dir *d, const char *name);

/* Add an entry for node; name must be new.  0 or -ENOMEM. */
int dir_add(struct dir *d, const char *name, struct node *node);

/* Remove and free e, which is in d. */
void dir_remove(struct dir *d, struct entry *e);

/* The first entry with a cookie above cookie, or NULL at the end. */
struct entry *dir_next(const struct dir *d, uint64_t cookie);

/* Release all entries; nodes are not touched. */
void dir_free(struct dir *d);

#endif
