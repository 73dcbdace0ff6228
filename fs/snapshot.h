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

enum { SNAPSHOT_NONE = UINT32_MAX };

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

struct snapshot {
	struct snapshot_entry *entries;
	size_t count, room;
	uint64_t changes; /* tree_changes() at that moment */
	uint64_t skipped; /* FIFOs, sockets and devices: a vault keeps none */
};

/* Take a snapshot of t.  The caller releases *ret.  0 or -ENOMEM. */
int snapshot_take(struct snapshot *ret, const struct tree *t);

/* Release s and leave it empty.  {0} is a no-op. */
void snapshot_release(struct snapshot *s);

#endif
