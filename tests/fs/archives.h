/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FS_ARCHIVES_H
#define TZ_TESTS_FS_ARCHIVES_H

/* Archives in memory, and trees to and from them. */

#include "common.h"
#include "crypto/seal.h"
#include "fs/pack.h"
#include "fs/snapshot.h"
#include "fs/tar.h"
#include "trees.h"

#include <stdlib.h>

/* Bytes that grow as a sink, and are read as a source. */
struct bytes {
	uint8_t *data;
	size_t len, room;
	size_t at;   /* of the source */
	size_t step; /* the most that one read gives; 0: no bound */
};

static inline int bytes_write(void *ctx, const uint8_t *buf, size_t len)
{
	struct bytes *b = ctx;

	if (b->len + len > b->room) {
		b->room = 2 * (b->len + len) + 4096;
		b->data = realloc(b->data, b->room);
		assert_non_null(b->data);
	}
	if (len > 0)
		memcpy(b->data + b->len, buf, len);
	b->len += len;
	return 0;
}

static inline struct sink sink_of(struct bytes *b)
{
	return (struct sink){bytes_write, b};
}

static inline ssize_t bytes_read(void *ctx, uint8_t *buf, size_t len)
{
	struct bytes *b = ctx;
	size_t n = b->len - b->at < len ? b->len - b->at : len;

	if (b->step > 0 && n > b->step)
		n = b->step;
	if (n > 0)
		memcpy(buf, b->data + b->at, n);
	b->at += n;
	return (ssize_t)n;
}

static inline struct source source_of(struct bytes *b)
{
	b->at = 0;
	return (struct source){bytes_read, b};
}

static inline void bytes_free(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){0};
}

static inline void append(struct bytes *b, const void *p, size_t len)
{
	(void)bytes_write(b, p, len);
}

static inline struct bytes tar_of_snapshot(const struct snapshot *s)
{
	struct bytes b = {0};

	assert_int_equal(tar_dump(s, sink_of(&b)), 0);
	return b;
}

static inline struct bytes tar_of(const struct tree *t)
{
	struct snapshot s = {0};
	struct bytes b;

	assert_int_equal(snapshot_take(&s, t), 0);
	b = tar_of_snapshot(&s);
	snapshot_release(&s);
	return b;
}

/* A tree of the same limits as t, filled from what t is dumped to. */
static inline struct tree *reload(const struct tree *t)
{
	struct bytes b = tar_of(t);
	struct tree_limits limits = tree_usage(t).limit;
	struct tree *copy = tree_of(limits.bytes, limits.nodes);
	struct tar_report report;
	int err = tar_load(copy, source_of(&b), &report);

	if (err != 0)
		fail_msg("what was dumped does not load: %d %s", err,
			 report.problem);
	assert_string_equal(report.problem, "");
	assert_false(report.dropped_passphrase);
	assert_int_equal(report.skipped, 0);
	bytes_free(&b);
	return copy;
}

/* Load an archive into a tree that the test does not need.  The error. */
static inline int load_error_of(struct bytes *b, struct tar_report *report)
{
	struct tree *t = tree_of(MIB, 100);
	int err = tar_load(t, source_of(b), report);

	tree_free(t);
	return err;
}

static inline struct bytes gzip_of(const void *p, size_t len)
{
	struct packer *packer = NULL;
	struct bytes b = {0};
	struct sink sink;

	assert_int_equal(packer_new(&packer, sink_of(&b)), 0);
	sink = packer_sink(packer);
	assert_int_equal(sink.write(sink.ctx, p, len), 0);
	assert_int_equal(packer_finish(packer), 0);
	packer_free(packer);
	return b;
}

/*
 * Unpack packed to its end, step bytes at a time.  0, or the error; *ret, if
 * it is wanted, gets what came before.
 */
static inline int unpack(struct bytes *ret, uint32_t compression,
			 struct bytes *packed, uint64_t limit, size_t step)
{
	static uint8_t buf[200000];
	struct unpacker *u = NULL;
	struct source from;
	ssize_t n;

	assert_int_equal(
		unpacker_new(&u, compression, source_of(packed), limit), 0);
	from = unpacker_source(u);
	do {
		n = from.read(from.ctx, buf, step);
		assert_true(n <= (ssize_t)step);
		if (n > 0 && ret != NULL)
			append(ret, buf, (size_t)n);
	} while (n > 0);
	unpacker_free(u);
	return (int)n;
}

/* Two nodes are alike, but for their numbers, ctime and atime. */
static inline void assert_same_node(const struct node *a, const struct node *b)
{
	assert_int_equal(a->attr.mode, b->attr.mode);
	assert_int_equal(a->attr.uid, b->attr.uid);
	assert_int_equal(a->attr.gid, b->attr.gid);
	assert_int_equal(a->attr.size, b->attr.size);
	assert_int_equal(a->nlink, b->nlink);
	assert_int_equal(a->attr.mtime.tv_sec, b->attr.mtime.tv_sec);
	assert_int_equal(a->attr.mtime.tv_nsec, b->attr.mtime.tv_nsec);
	assert_int_equal(a->target != NULL, b->target != NULL);
	if (a->target != NULL)
		assert_string_equal(a->target, b->target);
}

static inline size_t xattr_count(const struct node *n)
{
	size_t count = 0;

	for (const struct xattr *x = n->xattrs; x != NULL; x = x->next)
		count++;
	return count;
}

static inline void assert_same_xattrs(const struct node *a,
				      const struct node *b)
{
	assert_int_equal(xattr_count(a), xattr_count(b));
	for (const struct xattr *x = a->xattrs; x != NULL; x = x->next) {
		const struct xattr *y = node_xattr_get(b, x->name);

		if (y == NULL)
			fail_msg("%s: lost", x->name);
		assert_int_equal(x->len, y->len);
		assert_same_bytes(x->value, y->value, x->len);
	}
}

static inline void assert_same_stretch(const struct node *a,
				       const struct node *b, uint64_t off,
				       uint64_t len)
{
	static uint8_t x[65536], y[65536];

	while (len > 0) {
		size_t n = len < sizeof(x) ? (size_t)len : sizeof(x);

		assert_int_equal(node_read(a, off, x, n), n);
		assert_int_equal(node_read(b, off, y, n), n);
		assert_same_bytes(x, y, n);
		off += n;
		len -= n;
	}
}

/* Where either has something, and at both ends; all else is hole in both. */
static inline void assert_same_contents(const struct node *a,
					const struct node *b)
{
	const struct node *two[] = {a, b};
	uint64_t size = a->attr.size;

	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < two[i]->body.count; j++) {
			uint64_t off =
				two[i]->body.slots->at[j].index * BODY_EXTENT;
			uint64_t len = size - off;

			assert_true(off < size);
			if (len > BODY_EXTENT)
				len = BODY_EXTENT;
			assert_same_stretch(a, b, off, len);
		}
	}
}

/* b holds what a holds, name by name, byte by byte. */
static inline void assert_same_tree(const struct node *a, const struct node *b)
{
	const struct entry *e, *f;

	assert_same_node(a, b);
	assert_same_xattrs(a, b);
	assert_int_equal(a->dir.count, b->dir.count);
	if (S_ISREG(a->attr.mode))
		assert_same_contents(a, b);
	for (e = dir_next(&a->dir, 0); e != NULL;
	     e = dir_next(&a->dir, e->cookie)) {
		f = dir_find(&b->dir, e->name);
		if (f == NULL)
			fail_msg("'%s': lost", e->name);
		assert_same_tree(e->node, f->node);
	}
}

/* t comes back from its own archive as it is; the copy, which must be freed. */
static inline struct tree *assert_round_trip(const struct tree *t)
{
	struct tree *copy = reload(t);

	assert_same_tree(root_of(t), root_of(copy));
	return copy;
}

#endif
