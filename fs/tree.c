/* SPDX-License-Identifier: MIT */
#include "snapshot.h"
#include "tree_impl.h"

#include "crypto/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
	TARGET_MAX = 4095, /* PATH_MAX without its NUL */
	/* The owner is asked for so much at a time. */
	WEIGHT_STEP = 64 << 10,
	/* It is to have so much more once the tree is in use: when it is loaded
	 * again its pieces lie otherwise, and have to fit all the same.  It is
	 * a chunk of the reserve. */
	LOADING_SLACK = 948 << 10,
};

/* Put n into the table.  0 or -ENOMEM. */
static int table_add(struct tree *t, struct node *n)
{
	uint64_t i = t->free_hint;

	while (i < t->node_room && t->nodes[i] != NULL)
		i++;
	if (i >= t->node_room) {
		size_t room = t->node_room * 2;
		struct node **nodes =
			mem_realloc(t->nodes, room * sizeof(struct node *));

		if (nodes == NULL)
			return -ENOMEM;
		t->nodes = nodes;
		t->node_room = room;
	}
	t->nodes[i] = n;
	t->free_hint = i + 1;
	n->ino = i;
	t->usage.used.nodes++;
	if (S_ISDIR(n->attr.mode))
		t->usage.folders++;
	else
		t->usage.files++;
	return 0;
}

int tree_grow(struct tree *t, uint64_t n)
{
	uint64_t weight = t->weight + n;

	if (t->usage.limit.reserve != NULL && weight >= t->reserved) {
		uint64_t slack = t->quota.ahead ? LOADING_SLACK : 0;
		int err = t->usage.limit.reserve(weight + WEIGHT_STEP + slack);

		if (err != 0)
			return err;
		t->reserved = weight + WEIGHT_STEP;
	}
	t->weight = weight;
	return 0;
}

static void node_end(struct tree *t, struct node *n)
{
	t->nodes[n->ino] = NULL;
	if (n->ino < t->free_hint)
		t->free_hint = n->ino;
	t->usage.used.nodes--;
	if (S_ISDIR(n->attr.mode))
		t->usage.folders--;
	else
		t->usage.files--;
	if (S_ISLNK(n->attr.mode)) {
		t->quota.used -= n->attr.size;
		t->weight -= mem_size(n->attr.size + 1);
	}
	t->quota.used -= n->xattr_bytes;
	t->weight -= n->xattr_weight;
	node_free(n, &t->quota);
}

/* End n if it has neither a name nor a reference. */
static void node_release(struct tree *t, struct node *n)
{
	if (n->nlink == 0 && n->lookups == 0)
		node_end(t, n);
}

int tree_new(struct tree **ret, const struct tree_limits *limits,
	     const struct attr *root)
{
	struct tree *t = mem_alloc(sizeof(*t));
	struct node *n = NULL;
	int err = t != NULL ? cold_start() : -ENOMEM;

	if (err != 0) {
		mem_free(t);
		return err;
	}
	t->usage.limit = *limits;
	t->quota.limit = limits->bytes;
	t->free_hint = TREE_ROOT;
	t->node_room = 64;
	t->nodes = mem_alloc(t->node_room * sizeof(struct node *));
	if (t->nodes != NULL && tree_grow(t, snapshot_entry_weight("")) == 0)
		n = node_new(root);
	if (n == NULL) {
		tree_free(t);
		return -ENOMEM;
	}
	n->nlink = 2;
	n->parent = n;
	(void)table_add(t, n); /* there is room, and its number is the first */
	*ret = t;
	return 0;
}

void tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; t->nodes != NULL && i < t->node_room; i++)
		if (t->nodes[i] != NULL)
			node_free(t->nodes[i], &t->quota);
	mem_free(t->nodes);
	mem_free(t);
	cold_stop();
}

struct node *tree_node(const struct tree *t, uint64_t ino)
{
	return ino < t->node_room ? t->nodes[ino] : NULL;
}

struct node *tree_next(const struct tree *t, uint64_t ino)
{
	while (ino < t->node_room && t->nodes[ino] == NULL)
		ino++;
	return tree_node(t, ino);
}

void tree_allocate_ahead(struct tree *t)
{
	t->quota.ahead = true;
	/* What grows asks for the slack; serving what is there needs none. */
	t->reserved = 0;
}

struct tree_usage tree_usage(const struct tree *t)
{
	struct tree_usage u = t->usage;

	u.used.bytes = t->quota.used;
	return u;
}

uint64_t tree_changes(const struct tree *t)
{
	return t->changes;
}

bool tree_is_root(const struct node *n)
{
	return n->ino == TREE_ROOT;
}

int tree_check_name(const struct node *dir, const char *name)
{
	if (!S_ISDIR(dir->attr.mode))
		return -ENOTDIR;
	if (strlen(name) > DIR_NAME_MAX)
		return -ENAMETOOLONG;
	return 0;
}

int tree_check_new(const struct node *dir, const char *name)
{
	int err = tree_check_name(dir, name);

	if (err != 0)
		return err;
	if (dir->nlink == 0)
		return -ENOENT;
	if (name[0] == '\0' || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0 || strchr(name, '/') != NULL)
		return -EINVAL;
	if (tree_is_root(dir) && strcmp(name, TREE_RESERVED) == 0)
		return -EPERM;
	return 0;
}

static int find_entry(struct entry **ret, const struct node *dir,
		      const char *name)
{
	int err = tree_check_name(dir, name);

	if (err != 0)
		return err;
	*ret = dir_find(&dir->dir, name);
	return *ret != NULL ? 0 : -ENOENT;
}

int tree_lookup(struct node **ret, const struct tree *t, const struct node *dir,
		const char *name)
{
	struct entry *e;
	int err = find_entry(&e, dir, name);

	(void)t;
	if (err == 0)
		*ret = e->node;
	return err;
}

unsigned tree_depth(const struct node *dir)
{
	unsigned n = 0;

	for (; !tree_is_root(dir); dir = dir->parent)
		n++;
	return n;
}

/* A node as b says, in the table, without a name. */
static int node_make(struct node **ret, struct tree *t,
		     const struct tree_birth *b)
{
	size_t len = b->target != NULL ? strlen(b->target) : 0;
	size_t weight = b->target != NULL ? mem_size(len + 1) : 0;
	struct node *n;
	int err;

	if (len > TARGET_MAX)
		return -ENAMETOOLONG;
	if (t->usage.used.nodes >= t->usage.limit.nodes ||
	    t->quota.limit - t->quota.used < len)
		return -ENOSPC;
	err = tree_grow(t, weight);
	if (err != 0)
		return err;
	n = node_new(&b->attr);
	if (n == NULL) {
		t->weight -= weight;
		return -ENOMEM;
	}
	n->attr.size = len;
	node_touch_mtime(n);
	n->attr.atime = n->attr.mtime;
	if (b->target != NULL) {
		n->target = mem_alloc(len + 1);
		if (n->target != NULL)
			memcpy(n->target, b->target, len);
	}
	if ((b->target != NULL && n->target == NULL) || table_add(t, n) != 0) {
		node_free(n, &t->quota);
		t->weight -= weight;
		return -ENOMEM;
	}
	t->quota.used += len;
	*ret = n;
	return 0;
}

int tree_create(struct node **ret, struct tree *t, struct node *dir,
		const char *name, const struct tree_birth *what)
{
	struct tree_birth b = *what;
	bool is_dir = S_ISDIR(b.attr.mode);
	struct node *n;
	int err = tree_check_new(dir, name);

	if (err != 0)
		return err;
	if (dir_find(&dir->dir, name) != NULL)
		return -EEXIST;
	if (is_dir && tree_depth(dir) >= TREE_DEPTH_MAX)
		return -ENAMETOOLONG;
	if ((dir->attr.mode & S_ISGID) && !b.is_loaded) {
		b.attr.gid = dir->attr.gid;
		if (is_dir)
			b.attr.mode |= S_ISGID;
	}
	err = tree_grow(t, snapshot_entry_weight(name));
	if (err != 0)
		return err;
	err = node_make(&n, t, &b);
	if (err == 0) {
		if (!b.is_loaded)
			err = tree_inherit(t, n, dir, b.umask);
		if (err == 0)
			err = dir_add(&dir->dir, name, n);
		if (err != 0)
			node_end(t, n);
	}
	if (err != 0) {
		t->weight -= snapshot_entry_weight(name);
		return err;
	}
	n->nlink = is_dir ? 2 : 1;
	if (is_dir) {
		n->parent = dir;
		dir->nlink++;
	}
	node_touch_mtime(dir);
	t->changes++;
	*ret = n;
	return 0;
}

int tree_link(struct tree *t, struct node *n, struct node *dir,
	      const char *name)
{
	int err = tree_check_new(dir, name);

	if (err != 0)
		return err;
	if (S_ISDIR(n->attr.mode))
		return -EPERM;
	if (n->nlink == 0)
		return -ENOENT;
	if (dir_find(&dir->dir, name) != NULL)
		return -EEXIST;
	if (t->usage.used.nodes >= t->usage.limit.nodes)
		return -ENOSPC;
	err = tree_grow(t, snapshot_entry_weight(name));
	if (err != 0)
		return err;
	err = dir_add(&dir->dir, name, n);
	if (err != 0) {
		t->weight -= snapshot_entry_weight(name);
		return err;
	}
	t->usage.used.nodes++;
	n->nlink++;
	node_touch_ctime(n);
	node_touch_mtime(dir);
	t->changes++;
	return 0;
}

void tree_drop_entry(struct tree *t, struct node *dir, struct entry *e)
{
	struct node *n = e->node;

	t->weight -= snapshot_entry_weight(e->name);
	dir_remove(&dir->dir, e);
	if (S_ISDIR(n->attr.mode)) {
		n->nlink = 0;
		dir->nlink--;
	} else if (--n->nlink > 0) {
		t->usage.used.nodes--;
	}
	node_touch_ctime(n);
	node_touch_mtime(dir);
	t->changes++;
	node_release(t, n);
}

int tree_unlink(struct tree *t, struct node *dir, const char *name)
{
	struct entry *e;
	int err = find_entry(&e, dir, name);

	if (err != 0)
		return err;
	if (S_ISDIR(e->node->attr.mode))
		return -EISDIR;
	tree_drop_entry(t, dir, e);
	return 0;
}

int tree_rmdir(struct tree *t, struct node *dir, const char *name)
{
	struct entry *e;
	int err = find_entry(&e, dir, name);

	if (err != 0)
		return err;
	if (!S_ISDIR(e->node->attr.mode))
		return -ENOTDIR;
	if (e->node->dir.count > 0)
		return -ENOTEMPTY;
	tree_drop_entry(t, dir, e);
	return 0;
}

void tree_forget(struct tree *t, struct node *n, uint64_t count)
{
	n->lookups -= count < n->lookups ? count : n->lookups;
	if (!tree_is_root(n))
		node_release(t, n);
}
