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

struct snapshot_entry *snapshot_entry(const struct snapshot *s, size_t i)
{
	return &s->blocks[i / SNAPSHOT_BLOCK][i % SNAPSHOT_BLOCK];
}

uint64_t snapshot_entry_weight(const char *name)
{
	/* Its part of a block, and of the list of blocks as it grows. */
	const uint64_t entry = (16 << 10) / SNAPSHOT_BLOCK + 1 + 8;

	return entry + mem_size(strlen(name) + 1);
}

int snapshot_reserve(uint64_t weight)
{
	/*
	 * Compressor, archiver, cipher and their windows take about 670 KiB,
	 * 500 of them in one piece, and more may be lost to slabs that are not
	 * full.
	 */
	const uint64_t seal = 856 << 10;

	return mem_reserve((size_t)(seal + weight));
}

/* Room for one more entry.  In blocks, each of which fits the reserve. */
static int grow(struct snapshot *s)
{
	if (s->count < s->block_count * SNAPSHOT_BLOCK)
		return 0;
	if (s->block_count == s->block_room) {
		size_t room = s->block_room == 0 ? 64 : s->block_room * 2;
		struct snapshot_entry **blocks = mem_realloc(
			s->blocks, room * sizeof(struct snapshot_entry *));

		if (blocks == NULL)
			return -ENOMEM;
		s->blocks = blocks;
		s->block_room = room;
	}
	s->blocks[s->block_count] =
		mem_alloc(SNAPSHOT_BLOCK * sizeof(struct snapshot_entry));
	if (s->blocks[s->block_count] == NULL)
		return -ENOMEM;
	s->block_count++;
	return 0;
}

/*
 * The entry that n got already under another name.  A mark left by an
 * earlier snapshot may point anywhere, so it counts only if it leads to n.
 */
static uint32_t first_of(const struct snapshot *s, const struct node *n)
{
	if (n->mark < s->count && snapshot_entry(s, n->mark)->ino == n->ino)
		return n->mark;
	return SNAPSHOT_NONE;
}

static int add(struct snapshot *s, struct node *n, const char *name,
	       uint32_t parent)
{
	struct snapshot_entry *e;
	int err = 0;

	if (grow(s) != 0)
		return -ENOMEM;
	e = snapshot_entry(s, s->count);
	*e = (struct snapshot_entry){
		.parent = parent,
		.first = first_of(s, n),
		.ino = n->ino,
		.attr = n->attr,
		.node = n,
	};
	if (e->first == SNAPSHOT_NONE) {
		n->mark = (uint32_t)s->count;
		body_share(&e->body, &n->body);
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
	       S_ISLNK(n->attr.mode) || S_ISFIFO(n->attr.mode);
}

static int add_children(struct snapshot *s, uint32_t parent)
{
	const struct dir *d = &snapshot_entry(s, parent)->node->dir;
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
	enum mem_pool before = mem_use(MEM_RESERVE);
	int err = add(&s, tree_node(t, TREE_ROOT), "", 0);

	/* The entries are also the queue of a walk, level by level. */
	for (uint32_t i = 0; err == 0 && i < s.count; i++)
		if (S_ISDIR(snapshot_entry(&s, i)->attr.mode))
			err = add_children(&s, i);
	(void)mem_use(before);
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
		struct snapshot_entry *e = snapshot_entry(s, i);

		mem_free(e->name);
		mem_free(e->target);
		xattr_free(e->xattrs);
		body_free(&e->body, NULL);
	}
	for (size_t i = 0; i < s->block_count; i++)
		mem_free(s->blocks[i]);
	mem_free(s->blocks);
	*s = (struct snapshot){0};
}
