/* SPDX-License-Identifier: MIT */
/* From one tree to another. */
#include "tree_impl.h"

#include <errno.h>
#include <sys/stat.h>

enum {
	ALL_TIMES = SET_ATIME | SET_MTIME | SET_CTIME,
	ALL = SET_MODE | SET_UID | SET_GID | ALL_TIMES
};

int tree_adopt_xattrs(struct tree *t, struct node *n, const struct node *like)
{
	int err = 0;

	for (const struct xattr *x = like->xattrs; err == 0 && x != NULL;
	     x = x->next) {
		const struct xattr_value v = {x->value, x->len};

		err = tree_setxattr(t, n, x->name, &v);
	}
	return err;
}

static int adopt_body(struct tree *t, struct node *n, const struct node *like)
{
	const uint64_t stored = body_stored(&like->body);

	if (stored > t->quota.limit - t->quota.used)
		return -ENOSPC;
	body_share(&n->body, &like->body);
	t->quota.used += stored;
	n->attr.size = like->attr.size;
	return 0;
}

int tree_adopt(struct node **ret, struct tree *t, struct node *dir,
	       const char *name, const struct node *like)
{
	const struct tree_birth what = {
		.attr = like->attr,
		.target = like->target,
		.is_loaded = true,
	};
	struct node *n;
	int err = tree_create(&n, t, dir, name, &what);

	if (err != 0)
		return err;
	err = tree_adopt_xattrs(t, n, like);
	if (err == 0 && S_ISREG(like->attr.mode))
		err = adopt_body(t, n, like);
	if (err == 0)
		err = tree_setattr(t, n, &like->attr, ALL);
	if (err == 0)
		*ret = n;
	else
		tree_drop_entry(t, dir, dir_find(&dir->dir, name));
	return err;
}

int tree_replace(struct tree *t, struct tree *with, bool differs)
{
	const struct tree old = *t;
	int err = 0;

	if (old.usage.limit.reserve != NULL && with->weight > old.reserved)
		err = old.usage.limit.reserve(with->weight);
	if (err != 0)
		return err;
	*t = *with;
	*with = old;
	with->usage.limit = t->usage.limit;
	t->usage.limit = old.usage.limit;
	t->quota.ahead = old.quota.ahead;
	t->reserved = old.reserved > t->weight ? old.reserved : t->weight;
	t->changes = old.changes + differs;
	return 0;
}
