/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FS_TREES_H
#define TZ_TESTS_FS_TREES_H

/* Trees to test with. */

#include "common.h"
#include "fs/tree.h"

#include <errno.h>
#include <sys/stat.h>

static inline struct tree *tree_of(uint64_t bytes, uint64_t nodes)
{
	const struct tree_limits limits = {.bytes = bytes, .nodes = nodes};
	const struct attr root = {.mode = S_IFDIR | 0700};
	struct tree *t = NULL;

	assert_int_equal(tree_new(&t, &limits, &root), 0);
	return t;
}

static inline struct tree *ample_tree(void)
{
	return tree_of(64 * MIB, 100000);
}

static inline struct node *root_of(const struct tree *t)
{
	struct node *n = tree_node(t, TREE_ROOT);

	assert_non_null(n);
	return n;
}

static inline int try_make(struct node **ret, struct tree *t, struct node *dir,
			   const char *name, uint32_t mode)
{
	const struct tree_birth b = {
		.attr = {.mode = mode, .uid = 1000, .gid = 1000},
		.target = S_ISLNK(mode) ? "target" : NULL,
	};

	return tree_create(ret, t, dir, name, &b);
}

static inline struct node *make(struct tree *t, struct node *dir,
				const char *name, uint32_t mode)
{
	struct node *n = NULL;

	assert_int_equal(try_make(&n, t, dir, name, mode), 0);
	assert_non_null(n);
	return n;
}

static inline struct node *make_file(struct tree *t, struct node *dir,
				     const char *name)
{
	return make(t, dir, name, S_IFREG | 0644);
}

static inline struct node *make_dir(struct tree *t, struct node *dir,
				    const char *name)
{
	return make(t, dir, name, S_IFDIR | 0755);
}

static inline struct node *make_symlink(struct tree *t, struct node *dir,
					const char *name, const char *target)
{
	const struct tree_birth b = {
		.attr = {.mode = S_IFLNK | 0777},
		.target = target,
	};
	struct node *n = NULL;

	assert_int_equal(tree_create(&n, t, dir, name, &b), 0);
	return n;
}

static inline void write_at(struct tree *t, struct node *n, uint64_t off,
			    const void *p, size_t len)
{
	assert_int_equal(tree_write(t, n, off, p, len), len);
}

static inline struct node *make_text(struct tree *t, struct node *dir,
				     const char *name, const char *text)
{
	struct node *n = make_file(t, dir, name);

	write_at(t, n, 0, text, strlen(text));
	return n;
}

/* The node called name in dir, or NULL. */
static inline struct node *child(const struct tree *t, const struct node *dir,
				 const char *name)
{
	struct node *n = NULL;

	return tree_lookup(&n, t, dir, name) == 0 ? n : NULL;
}

/* The node at a path below the root; it must be there. */
static inline struct node *at_path(const struct tree *t, const char *path)
{
	struct node *n = root_of(t);
	char name[DIR_NAME_MAX + 1];

	while (*path != '\0') {
		size_t len = strcspn(path, "/");

		assert_in_range(len, 1, DIR_NAME_MAX);
		memcpy(name, path, len);
		name[len] = '\0';
		n = child(t, n, name);
		if (n == NULL)
			fail_msg("%s: not there", name);
		path += len + (path[len] == '/');
	}
	return n;
}

static inline void assert_text(const struct node *n, const char *text)
{
	char buf[4096];
	ssize_t len = node_read(n, 0, (uint8_t *)buf, sizeof(buf) - 1);

	assert_in_range(len, 0, sizeof(buf) - 1);
	buf[len] = '\0';
	assert_string_equal(buf, text);
}

static inline int rename_in(struct tree *t, struct node *from, const char *a,
			    struct node *to, const char *b, unsigned flags)
{
	return tree_rename(t, &(struct tree_place){from, a},
			   &(struct tree_place){to, b}, flags);
}

/*
 * Everything that holds at any time: link counts, parents, numbers and what
 * the tree says it uses, counted anew from the root down.
 */
struct census {
	uint64_t nodes, folders, bytes;
};

static inline void census_of(struct census *c, const struct tree *t,
			     const struct node *dir)
{
	const struct entry *e;
	uint32_t folders = 0;

	c->folders++;
	c->nodes++;
	c->bytes += dir->xattr_bytes;
	for (e = dir_next(&dir->dir, 0); e != NULL;
	     e = dir_next(&dir->dir, e->cookie)) {
		const struct node *n = e->node;

		assert_ptr_equal(tree_node(t, n->ino), n);
		assert_int_not_equal(n->nlink, 0);
		if (S_ISDIR(n->attr.mode)) {
			assert_ptr_equal(n->parent, dir);
			folders++;
			census_of(c, t, n);
			continue;
		}
		c->nodes++;
		/* A file of several names, at the only one or its share. */
		if (n->nlink == 1)
			c->bytes += node_stored(n) + n->xattr_bytes;
	}
	assert_int_equal(dir->nlink, 2 + folders);
}

/* For trees without hard links and without nodes that have lost their name. */
static inline void assert_sound(const struct tree *t)
{
	struct tree_usage u = tree_usage(t);
	struct census c = {0};

	census_of(&c, t, root_of(t));
	assert_int_equal(u.used.nodes, c.nodes);
	assert_int_equal(u.folders, c.folders);
	assert_int_equal(u.used.bytes, c.bytes);
	assert_in_range(u.used.bytes, 0, u.limit.bytes);
	assert_in_range(u.used.nodes, 0, u.limit.nodes);
}

/* The largest size that a file may have: none is promised, so it is asked. */
static inline uint64_t largest_size(void)
{
	struct tree *t = ample_tree();
	struct node *n = make_file(t, root_of(t), "f");
	uint64_t low = 0, high = UINT64_MAX;

	while (low < high) {
		struct attr attr = {.size = high - (high - low) / 2};

		if (tree_setattr(t, n, &attr, SET_SIZE) == 0)
			low = attr.size;
		else
			high = attr.size - 1;
	}
	tree_free(t);
	return low;
}

#endif
