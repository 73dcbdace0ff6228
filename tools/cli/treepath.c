/* SPDX-License-Identifier: MIT */
#include "treepath.h"

#include "crypto/mem.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
	const struct tree *tree;
	struct node *at;
	/* What is left of the path, and on top of it of each link's target. */
	const char *rest[TREEPATH_LINKS_MAX + 1];
	int depth; /* of what is in rest */
	int links;
	char *name; /* NAME_MAX + 1 bytes of locked memory */
};

/* Go from the folder that w is at to the one that name is. */
static int enter(struct walk *w, const char *name)
{
	struct node *n;
	int err;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		w->at = w->at->parent;
		return 0;
	}
	err = tree_lookup(&n, w->tree, w->at, name);
	if (err != 0)
		return err;
	if (!S_ISLNK(n->attr.mode)) {
		w->at = n;
		return 0;
	}
	if (w->links++ == TREEPATH_LINKS_MAX)
		return -ELOOP;
	w->rest[w->depth++] = n->target;
	if (n->target[0] == '/')
		w->at = tree_node(w->tree, TREE_ROOT);
	return 0;
}

/* Take one step.  1 if it was the last, 0, or -errno. */
static int step(struct walk *w)
{
	const char **rest = &w->rest[w->depth - 1];
	size_t len;

	/* Before a slash, as before a name, only a folder can be. */
	if (**rest != '\0' && !S_ISDIR(w->at->attr.mode))
		return -ENOTDIR;
	*rest += strspn(*rest, "/");
	len = strcspn(*rest, "/");
	if (len == 0)
		return --w->depth == 0;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(w->name, *rest, len);
	w->name[len] = '\0';
	*rest += len;
	return enter(w, w->name);
}

int treepath_find(struct node **ret, const struct tree *t, const char *path)
{
	struct walk w = {
		.tree = t,
		.at = tree_node(t, TREE_ROOT),
		.rest = {path},
		.depth = 1,
		.name = mem_alloc(NAME_MAX + 1),
	};
	int err = 0;

	if (w.name == NULL)
		return -ENOMEM;
	while (err == 0)
		err = step(&w);
	mem_free(w.name);
	if (err < 0)
		return err;
	*ret = w.at;
	return 0;
}
