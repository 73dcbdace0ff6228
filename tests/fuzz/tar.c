/* SPDX-License-Identifier: MIT */
/*
 * An archive, from any bytes, into a small tree.  What loads must be written,
 * in segments, and what was written must load again within the same limits.
 */
#include "fs/tar.h"
#include "crypto/seal.h"
#include "fs/pack.h"
#include "fs/segments.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct input {
	const uint8_t *p;
	size_t left;
};

static ssize_t input_read(void *ctx, uint8_t *buf, size_t len)
{
	struct input *in = ctx;
	size_t n = in->left < len ? in->left : len;

	if (n > 0)
		memcpy(buf, in->p, n);
	in->p += n;
	in->left -= n;
	return (ssize_t)n;
}

/* Bytes that grow. */
struct output {
	uint8_t *p;
	size_t len;
};

static int output_write(void *ctx, const uint8_t *buf, size_t len)
{
	struct output *out = ctx;
	uint8_t *more = realloc(out->p, out->len + len + 1);

	if (more == NULL)
		abort();
	out->p = more;
	if (len > 0)
		memcpy(more + out->len, buf, len);
	out->len += len;
	return 0;
}

static const struct tree_limits limits = {.bytes = 1 << 20, .nodes = 64};

static struct tree *new_tree(void)
{
	const struct attr root = {.mode = S_IFDIR | 0700};
	struct tree *t = NULL;

	if (tree_new(&t, &limits, &root) != 0)
		abort();
	return t;
}

/* No name of the tree may be one that a path could not have. */
static void check_names(const struct node *dir)
{
	const struct entry *e = dir_next(&dir->dir, 0);

	for (; e != NULL; e = dir_next(&dir->dir, e->cookie)) {
		if (e->name[0] == '\0' || strlen(e->name) > DIR_NAME_MAX ||
		    strchr(e->name, '/') != NULL || strcmp(e->name, ".") == 0 ||
		    strcmp(e->name, "..") == 0 || e->node->nlink == 0)
			abort();
		if (S_ISDIR(e->node->attr.mode))
			check_names(e->node);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_again(const struct tree *t, const struct output *packed)
{
	const struct tree_usage is = tree_usage(t);
	struct input in = {packed->p, packed->len};
	struct unpacker *u = NULL;
	struct tree *copy = new_tree();
	struct tar_report report;
	struct tree_usage was;

	if (unpacker_new(&u, SEAL_GZIP, (struct source){input_read, &in},
			 UINT64_MAX) != 0 ||
	    tar_load(copy, unpacker_source(u), &report) != 0)
		abort();
	was = tree_usage(copy);
	if (was.files != is.files || was.folders != is.folders ||
	    was.used.nodes != is.used.nodes)
		abort();
	check_names(tree_node(copy, TREE_ROOT));
	unpacker_free(u);
	tree_free(copy);
}

/* Twice, so that the second is made of segments of the first. */
static void dump(const struct tree *t)
{
	struct output once = {0}, twice = {0};
	struct segments *k = NULL;
	struct snapshot s = {0};

	if (snapshot_take(&s, t) != 0 || segments_new(&k) != 0 ||
	    segments_write(k, &s, (struct sink){output_write, &once}) != 0 ||
	    segments_write(k, &s, (struct sink){output_write, &twice}) != 0)
		abort();
	if (once.len != twice.len || memcmp(once.p, twice.p, once.len) != 0)
		abort();
	check_again(t, &once);
	segments_free(k);
	snapshot_release(&s);
	free(once.p);
	free(twice.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = {data, len};
	struct tar_report report;
	struct tree *t = new_tree();

	if (tar_load(t, (struct source){input_read, &in}, &report) == 0) {
		struct tree_usage u = tree_usage(t);

		if (u.used.bytes > u.limit.bytes ||
		    u.used.nodes > u.limit.nodes)
			abort();
		check_names(tree_node(t, TREE_ROOT));
		dump(t);
	}
	tree_free(t);
	return 0;
}
