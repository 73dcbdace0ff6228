/* SPDX-License-Identifier: MIT */
/* A path: in a vault without a mount, and as an archive has it. */
#include "crypto/crypto.h"
#include "fs/tar_path.h"
#include "tools/cli/treepath.h"

#include "text.h"

#include <errno.h>
#include <sys/stat.h>

static struct node *make(struct tree *t, struct node *dir, const char *name,
			 const char *target)
{
	const struct tree_birth b = {
		.attr = {.mode = (target != NULL   ? S_IFLNK
				  : name[0] == 'f' ? S_IFREG
						   : S_IFDIR) |
				 0700},
		.target = target,
	};
	struct node *n = NULL;

	if (tree_create(&n, t, dir, name, &b) != 0)
		abort();
	return n;
}

/* Folders a and a/b, files f and a/f, and links of all kinds. */
static struct tree *make_tree(void)
{
	const struct tree_limits limits = {.bytes = 1 << 20, .nodes = 64};
	const struct attr attr = {.mode = S_IFDIR | 0700};
	struct node *root, *a;
	struct tree *t = NULL;

	/* The tree stays, and what libcrypto has for it. */
	if (crypto_start() != 0 || tree_new(&t, &limits, &attr) != 0)
		abort();
	root = tree_node(t, TREE_ROOT);
	a = make(t, root, "a", NULL);
	(void)make(t, a, "b", NULL);
	(void)make(t, root, "f", NULL);
	(void)make(t, a, "f", NULL);
	(void)make(t, root, "l", "a/b/");
	(void)make(t, a, "u", "../../..//a/./u2");
	(void)make(t, a, "u2", "/f");
	(void)make(t, root, "x", "x");
	(void)make(t, root, "y", "l/../../y/y");
	(void)make(t, root, "n", "nothing/n");
	return t;
}

static void walk(const struct tree *t, const char *path)
{
	struct node *n = NULL;

	switch (treepath_find(&n, t, path)) {
	case 0:
		if (n == NULL || S_ISLNK(n->attr.mode) ||
		    tree_node(t, n->ino) != n)
			abort();
		break;
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
	case -ENAMETOOLONG:
		break;
	default:
		abort();
	}
}

/* What is taken has no component that a tree could not have. */
static void judge(const char *path)
{
	char name[DIR_NAME_MAX + 1];

	if (*path == '\0' || tar_path_check(path) != NULL)
		return;
	(void)tar_path_is_reserved(path);
	if (*path == '/')
		abort();
	while (*path != '\0') {
		size_t n = tar_path_next(&path, name);

		if (n == 0 || n > DIR_NAME_MAX || strlen(name) != n ||
		    strcmp(name, "..") == 0 || strchr(name, '/') != NULL)
			abort();
		path += *path == '/';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct tree *t;
	char *text = text_of(data, len);

	if (t == NULL)
		t = make_tree();
	walk(t, text);
	judge(text);
	free(text);
	return 0;
}
