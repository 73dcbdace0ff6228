/* SPDX-License-Identifier: MIT */
#include "snapshot.h"

#include "crypto/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int copy_string(char **ret, const char *s)
{
	size_t size = strlen(s) + 1;

	*ret = mem_alloc(size);
	if (*ret == NULL)
		return -ENOMEM;
	memcpy(*ret, s, size);
	return 0;
}

static int grow(struct snapshot *s)
{
	size_t room = s->room == 0 ? 64 : s->room * 2;
	struct snapshot_entry *entries =
		mem_realloc(s->entries, room * sizeof(*entries));

	if (entries == NULL)
		return -ENOMEM;
	s->entries = entries;
	s->room = room;
	return 0;
}

/*
 * The entry that n got already under another name.  A mark left by an
 * earlier snapshot may point anywhere, so it counts only if it leads to n.
 */
static uint32_t first_of(const struct snapshot *s, const struct node *n)
{
	if (n->mark < s->count && s->entries[n->mark].ino == n->ino)
		return n->mark;
	return SNAPSHOT_NONE;
}

static int add(struct snapshot *s, struct node *n, const char *name,
	       uint32_t parent)
{
	struct snapshot_entry *e;
	int err = 0;

	if (s->count == s->room && grow(s) != 0)
		return -ENOMEM;
	e = &s->entries[s->count];
	*e = (struct snapshot_entry){
		.parent = parent,
		.first = first_of(s, n),
		.ino = n->ino,
		.attr = n->attr,
		.node = n,
	};
	if (e->first == SNAPSHOT_NONE) {
		n->mark = (uint32_t)s->count;
		err = body_share(&e->body, &n->body);
		if (err == 0)
			err = xattr_copy(&e->xattrs, n->xattrs);
		if (err == 0 && n->target != NULL)
			err = copy_string(&e->target, n->target);
	}
	if (err == 0)
		err = copy_string(&e->name, name);
	/* Half made or not, it is the snapshot's to release. */
	s->count++;
	return err;
}

static bool is_kept(const struct node *n)
{
	return S_ISREG(n->attr.mode) || S_ISDIR(n->attr.mode) ||
	       S_ISLNK(n->attr.mode);
}

static int add_children(struct snapshot *s, uint32_t parent)
{
	const struct dir *d = &s->entries[parent].node->dir;
	struct entry *e = dir_next(d, 0);
	int err = 0;

	for (; err == 0 && e != NULL; e = dir_next(d, e->cookie)) {
		if (is_kept(e->node))
			err = add(s, e->node, e->name, parent);
		else
			s->skipped++;
	}
	return err;
}

int snapshot_take(struct snapshot *ret, const struct tree *t)
{
	struct snapshot s = {.changes = tree_changes(t)};
	int err = add(&s, tree_node(t, TREE_ROOT), "", 0);

	/* The entries are also the queue of a walk, level by level. */
	for (uint32_t i = 0; err == 0 && i < s.count; i++)
		if (S_ISDIR(s.entries[i].attr.mode))
			err = add_children(&s, i);
	if (err != 0) {
		snapshot_release(&s);
		return err;
	}
	*ret = s;
	return 0;
}

void snapshot_release(struct snapshot *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct snapshot_entry *e = &s->entries[i];

		mem_free(e->name);
		mem_free(e->target);
		xattr_free(e->xattrs);
		body_free(&e->body, NULL);
	}
	mem_free(s->entries);
	*s = (struct snapshot){0};
}
