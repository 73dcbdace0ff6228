/* SPDX-License-Identifier: MIT */
#ifndef TZ_SNAPSHOT_H
#define TZ_SNAPSHOT_H

/*
 * The tree as it was at one moment, for a seal to work on while the tree goes
 * on changing.  File contents are shared, not copied.  It is taken and
 * released by the thread that owns the tree; in between another may read it.
 */

#include "tree.h"

#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_NONE UINT32_MAX

/* One name.  Entry 0 is the root; a folder comes before what is in it. */
struct snapshot_entry {
	uint32_t parent; /* index of its folder; the root's is 0 */
	uint32_t first;	 /* index of the entry it is a hard link to, or NONE */
	uint64_t ino;
	struct attr attr;
	char *name;	  /* "" for the root */
	char *target;	  /* symbolic link */
	struct body body; /* regular file, unless it is a hard link */
	struct xattr *xattrs;
	const struct node *node; /* for snapshot_take() alone */
};

/* Entries in a block: of small pieces the reserve can be filled to its end. */
enum { SNAPSHOT_BLOCK = (16 << 10) / sizeof(struct snapshot_entry) };

/* {0} is a valid empty snapshot. */
struct snapshot {
	struct snapshot_entry **blocks; /* of SNAPSHOT_BLOCK entries each */
	size_t block_count, block_room;
	size_t count;	  /* of entries */
	uint64_t changes; /* tree_changes() at that moment */
	uint64_t skipped; /* sockets and devices: a vault keeps none */
};

/* The ith entry of s; i is below s->count. */
struct snapshot_entry *snapshot_entry(const struct snapshot *s, size_t i);

/*
 * What an entry called name adds to a tree's weight; the node's attributes and
 * target come on top, each with its mem_size().  Contents are shared and add
 * nothing.
 */
uint64_t snapshot_entry_weight(const char *name);

/*
 * Set memory aside (mem_reserve()) for a snapshot of a tree of that weight,
 * and for a seal of it.  It is a tree_limits' reserve: so a tree never grows
 * to what could not be sealed any more.  0 or -ENOMEM.
 */
int snapshot_reserve(uint64_t weight);

/*
 * Take a snapshot of t, in memory of the reserve.  The caller releases *ret.
 * 0 or -ENOMEM.
 */
int snapshot_take(struct snapshot *ret, const struct tree *t);

/* Release s and leave it empty.  {0} is a no-op. */
void snapshot_release(struct snapshot *s);

#endif
