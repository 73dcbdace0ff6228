/* SPDX-License-Identifier: MIT */
#include "version.h"

#include "fs/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SMALL_MOST = 5000, BIG_LEAST = 600 << 10, BIG_MORE = 50000 };

static struct node *find(const struct tree *t, const char *name)
{
	struct node *n = NULL;

	(void)tree_lookup(&n, t, tree_node(t, TREE_ROOT), name);
	return n;
}

static struct node *find_or_make(struct tree *t, const char *name)
{
	const struct tree_birth b = {.attr = {.mode = S_IFREG | 0600}};
	struct node *n = find(t, name);

	if (n == NULL &&
	    tree_create(&n, t, tree_node(t, TREE_ROOT), name, &b) != 0)
		broken("%s cannot be made in a tree", name);
	return n;
}

static void fill(struct tree *t, const char *name, const void *p, size_t len)
{
	struct node *n = find_or_make(t, name);
	const struct attr attr = {.size = len};

	if (tree_setattr(t, n, &attr, SET_SIZE) != 0 ||
	    tree_write(t, n, 0, p, len) != (ssize_t)len)
		broken("%s cannot be written in a tree", name);
}

/* What the file "data" of a version holds.  The caller frees it. */
static uint8_t *data_of(unsigned version, bool big, size_t *len)
{
	uint8_t *p;

	*len = big ? BIG_LEAST + version * 10007U % BIG_MORE
		   : 1 + version * 7919U % SMALL_MOST;
	p = malloc(*len);
	if (p == NULL)
		broken("out of memory");
	fill_random(p, *len, version);
	return p;
}

/* The number that the tree says it is; 0 if it says none. */
static unsigned number_in(const struct tree *t)
{
	const struct node *n = find(t, "n");
	char text[16] = "";

	if (n != NULL)
		(void)node_read(n, 0, (uint8_t *)text, sizeof(text) - 1);
	return (unsigned)strtoul(text, NULL, 10);
}

static void name_of(char name[static 16], unsigned version)
{
	(void)snprintf(name, 16, "f%u", version);
}

void version_set(struct tree *t, unsigned version)
{
	char name[16], text[16];
	size_t len;
	uint8_t *p = data_of(version, find(t, "big") != NULL, &len);

	name_of(name, number_in(t));
	(void)tree_unlink(t, tree_node(t, TREE_ROOT), name);
	name_of(name, version);
	fill(t, name, "", 0);
	(void)snprintf(text, sizeof(text), "%u", version);
	fill(t, "n", text, strlen(text));
	fill(t, "data", p, len);
	free(p);
}

struct tree *version_tree(void)
{
	const struct tree_limits limits = {.bytes = 16 * MIB, .nodes = 1000};
	const struct attr root = {.mode = S_IFDIR | 0700};
	struct tree *t = NULL;

	if (tree_new(&t, &limits, &root) != 0)
		broken("no memory for a tree");
	return t;
}

static unsigned names_in(const struct tree *t)
{
	const struct dir *d = &tree_node(t, TREE_ROOT)->dir;
	unsigned n = 0;

	for (const struct entry *e = dir_next(d, 0); e != NULL;
	     e = dir_next(d, e->cookie))
		n++;
	return n;
}

/* Is all there that belongs to the number that the tree says it is? */
static bool is_whole(const struct tree *t)
{
	const unsigned version = number_in(t);
	const bool big = find(t, "big") != NULL, go = find(t, "only") != NULL;
	const struct node *n = find(t, "data");
	char name[16];
	uint8_t *want, *got;
	size_t len;
	bool same;

	name_of(name, version);
	if (version == 0)
		return go && names_in(t) == 1;
	if (n == NULL || find(t, name) == NULL || names_in(t) != 3U + big + go)
		return false;
	want = data_of(version, big, &len);
	got = malloc(len + 1);
	same = got != NULL && n->attr.size == len &&
	       node_read(n, 0, got, len + 1) == (ssize_t)len &&
	       memcmp(want, got, len) == 0;
	free(want);
	free(got);
	return same;
}

unsigned version_of(const struct blob *sealed, const char *what)
{
	struct secret pass = version_passphrase();
	struct tree *t = version_tree();
	struct tar_report report;
	struct vault *v = NULL;
	unsigned version;
	int err = vault_open(&v, sealed, &pass);

	if (err == 0)
		err = vault_load(v, sealed, t, &report);
	if (err != 0)
		broken("%s (%zu bytes) does not open: %s", what, sealed->len,
		       strerror(-err));
	version = number_in(t);
	if (!is_whole(t))
		broken("%s: version %u is not whole", what, version);
	tree_free(t);
	vault_close(v);
	secret_free(&pass);
	return version;
}
