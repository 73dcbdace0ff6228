/* SPDX-License-Identifier: MIT */
#include "snapshot.h"
#include "tree_impl.h"

#include <errno.h>
#include <stdio.h> /* RENAME_NOREPLACE */
#include <string.h>
#include <sys/stat.h>

/* The most folders in a row below and with dir.  Bounded as tree_depth() is. */
static unsigned height(const struct node *dir)
{
	const struct entry *e = dir_next(&dir->dir, 0);
	unsigned most = 0;

	for (; e != NULL; e = dir_next(&dir->dir, e->cookie)) {
		unsigned n = S_ISDIR(e->node->attr.mode) ? height(e->node) : 0;

		if (n > most)
			most = n;
	}
	return most + 1;
}

/* Is n dir itself or a folder above it? */
static bool holds(const struct node *n, const struct node *dir)
{
	while (dir != n && !tree_is_root(dir))
		dir = dir->parent;
	return dir == n;
}

/* May the folder or file n take the place of old? */
static int check_replace(const struct node *n, const struct node *old)
{
	if (!S_ISDIR(old->attr.mode))
		return S_ISDIR(n->attr.mode) ? -ENOTDIR : 0;
	if (!S_ISDIR(n->attr.mode))
		return -EISDIR;
	return old->dir.count > 0 ? -ENOTEMPTY : 0;
}

/* A folder moved: its ".." and both parents' link counts follow. */
static void reparent(struct node *n, struct node *from, struct node *to)
{
	if (!S_ISDIR(n->attr.mode))
		return;
	n->parent = to;
	from->nlink--;
	to->nlink++;
}

static void exchange(struct node *from, struct entry *a, struct node *to,
		     struct entry *b)
{
	struct node *n = a->node;

	a->node = b->node;
	b->node = n;
	reparent(b->node, from, to);
	reparent(a->node, to, from);
}

/* Would n and all below it still be within the depth allowed? */
static bool fits_below(const struct node *n, const struct node *dir,
		       const struct node *old_dir)
{
	unsigned above = tree_depth(dir);

	if (!S_ISDIR(n->attr.mode) || above <= tree_depth(old_dir))
		return true;
	return above + height(n) <= TREE_DEPTH_MAX;
}

/* Move a's node to a new name, over the entry old, if any. */
static int move(struct tree *t, struct node *from, struct entry *a,
		const struct tree_place *to, struct entry *old)
{
	struct node *n = a->node;
	int err;

	if (old != NULL) {
		err = check_replace(n, old->node);
		if (err != 0)
			return err;
	}
	/* The new entry first: it alone can fail. */
	err = tree_grow(t, snapshot_entry_weight(to->name));
	if (err != 0)
		return err;
	err = dir_add(&to->dir->dir, to->name, n);
	if (err != 0) {
		t->weight -= snapshot_entry_weight(to->name);
		return err;
	}
	if (old != NULL)
		tree_drop_entry(t, to->dir, old);
	t->weight -= snapshot_entry_weight(a->name);
	dir_remove(&from->dir, a);
	reparent(n, from, to->dir);
	return 0;
}

int tree_rename(struct tree *t, const struct tree_place *from,
		const struct tree_place *to, unsigned flags)
{
	struct entry *a, *b;
	struct node *n;
	int err = tree_check_name(from->dir, from->name);

	if (err == 0)
		err = tree_check_new(to->dir, to->name);
	if (err != 0)
		return err;
	a = dir_find(&from->dir->dir, from->name);
	b = dir_find(&to->dir->dir, to->name);
	if (a == NULL || (b == NULL && flags == RENAME_EXCHANGE))
		return -ENOENT;
	if (flags != 0 && flags != RENAME_NOREPLACE && flags != RENAME_EXCHANGE)
		return -EINVAL;
	if (b != NULL && flags == RENAME_NOREPLACE)
		return -EEXIST;
	if (b != NULL && b->node == a->node)
		return 0;
	if (holds(a->node, to->dir) ||
	    (flags == RENAME_EXCHANGE && holds(b->node, from->dir)))
		return -EINVAL;
	if (!fits_below(a->node, to->dir, from->dir) ||
	    (flags == RENAME_EXCHANGE &&
	     !fits_below(b->node, from->dir, to->dir)))
		return -ENAMETOOLONG;
	n = a->node;
	if (flags == RENAME_EXCHANGE) {
		node_touch_ctime(b->node);
		exchange(from->dir, a, to->dir, b);
	} else {
		err = move(t, from->dir, a, to, b);
		if (err != 0)
			return err;
	}
	node_touch_ctime(n);
	node_touch_mtime(from->dir);
	node_touch_mtime(to->dir);
	t->changes++;
	return 0;
}
