/* SPDX-License-Identifier: MIT */
#ifndef TZ_TREE_IMPL_H
#define TZ_TREE_IMPL_H

/* What tree.c and tree_rename.c share; nobody else looks inside a tree. */

#include "tree.h"

struct tree {
	struct node **nodes; /* by inode number; 0 is never used */
	size_t node_room;
	uint64_t free_hint; /* no free number is lower */
	struct quota quota;
	struct tree_usage usage;
	uint64_t changes;
	uint64_t weight, reserved; /* tree_limits.reserve: needed, granted */
};

bool tree_is_root(const struct node *n);

/* Folders from the root down to dir. */
unsigned tree_depth(const struct node *dir);

/* Let the weight grow by n, or fail as the owner's reserve says. */
int tree_grow(struct tree *t, uint64_t n);

/*
 * Give n, just made to be in dir, the lists that dir's default list makes for
 * it, or, if there is none, take umask from its mode.  Errors: tree_setacl().
 */
int tree_inherit(struct tree *t, struct node *n, const struct node *dir,
		 uint32_t umask);

/* Can name be looked for in dir?  0, -ENOTDIR or -ENAMETOOLONG. */
int tree_check_name(const struct node *dir, const char *name);

/* May dir get an entry called name?  Errors as tree_create(). */
int tree_check_new(const struct node *dir, const char *name);

/* Take e's name from dir, and one link from its node, which may end it. */
void tree_drop_entry(struct tree *t, struct node *dir, struct entry *e);

#endif
