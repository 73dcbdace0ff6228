/* SPDX-License-Identifier: MIT */
/* An archive, from any bytes, into a small tree; what loads must dump. */
#include "fs/tar.h"

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

static int forget(void *ctx, const uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)buf;
	(void)len;
	return 0;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct tree_limits limits = {.bytes = 1 << 20, .nodes = 64};
	const struct attr root = {.mode = S_IFDIR | 0700};
	struct input in = {data, len};
	struct tar_report report;
	struct snapshot s = {0};
	struct tree *t = NULL;

	if (tree_new(&t, &limits, &root) != 0)
		abort();
	if (tar_load(t, (struct source){input_read, &in}, &report) == 0) {
		struct tree_usage u = tree_usage(t);

		if (u.used.bytes > u.limit.bytes ||
		    u.used.nodes > u.limit.nodes)
			abort();
		check_names(tree_node(t, TREE_ROOT));
		if (snapshot_take(&s, t) != 0 ||
		    tar_dump(&s, (struct sink){forget, NULL}) != 0)
			abort();
		snapshot_release(&s);
	}
	tree_free(t);
	return 0;
}
