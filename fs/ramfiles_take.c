/* SPDX-License-Identifier: MIT */
#include "ramfiles_take.h"

#include "clock.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RACY_MS = 20 }; /* what a time of a file may be off: two ticks */

static void mark_found(struct collect *c, const struct node *n)
{
	const uint8_t bit = (uint8_t)(1U << n->ino % 8);

	c->found_count += (c->found[n->ino / 8] & bit) == 0;
	c->found[n->ino / 8] |= bit;
}

/* Could it change once more without its times telling? */
static bool is_racy(const struct stat *st)
{
	return clock_since_ms(CLOCK_REALTIME_COARSE, &st->st_ctim) < RACY_MS;
}

/* Are contents and attributes what they were when it was read last? */
static bool is_unchanged(const struct find *f)
{
	const struct known *k = f->seen;

	return k != NULL && !k->is_racy && k->size == (uint64_t)f->st.st_size &&
	       ramfiles_is_same_time(&k->mtime, &f->st.st_mtim) &&
	       ramfiles_is_same_time(&k->ctime, &f->st.st_ctim);
}

/* What is kept of f's file, which is the new tree's n. */
int ramfiles_note(struct collect *c, const struct find *f, const struct node *n)
{
	const struct stat *st = &f->st;
	struct known k = {
		.ino = st->st_ino,
		.node = n->ino,
		.parent = f->parent != NULL ? f->parent->ino : TREE_ROOT,
		.size = (uint64_t)st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
		.is_racy = is_racy(st),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
	};
	struct known *added;

	if (f->seen != NULL)
		k.watch = f->seen->watch;
	if (f->was != NULL)
		mark_found(c, f->was);
	return known_add(&added, &c->known, &k);
}

/* Give n what the file has; what was only shown otherwise stays as it was. */
int ramfiles_set_attributes(struct collect *c, const struct find *f,
			    struct node *n)
{
	const struct stat *st = &f->st;
	const struct known *k = f->seen;
	const struct attr *was = f->was != NULL ? &f->was->attr : NULL;
	struct attr a = {
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.atime = st->st_atim,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};

	if (was != NULL && k != NULL) {
		if (k->mode == (a.mode & 07777))
			a.mode = was->mode;
		if (k->uid == a.uid)
			a.uid = was->uid;
		if (k->gid == a.gid)
			a.gid = was->gid;
		if (ramfiles_is_same_time(&k->ctime, &a.ctime))
			a.ctime = was->ctime;
	}
	c->differs = c->differs || was == NULL || was->mode != a.mode ||
		     was->uid != a.uid || was->gid != a.gid ||
		     !ramfiles_is_same_time(&was->mtime, &a.mtime);
	return tree_setattr(c->tree, n, &a,
			    SET_MODE | SET_UID | SET_GID | SET_ATIME |
				    SET_MTIME | SET_CTIME);
}

/* Start f's node: a copy of what it was, or an empty one. */
int ramfiles_start_node(struct collect *c, const struct find *f,
			const char *target, struct node **ret)
{
	const struct tree_birth what = {
		.attr = {.mode = f->st.st_mode,
			 .uid = f->st.st_uid,
			 .gid = f->st.st_gid,
			 .rdev = f->st.st_rdev},
		.target = target,
		.is_loaded = true,
	};
	int err;

	if (f->was != NULL)
		err = tree_adopt(ret, c->tree, f->parent, f->name, f->was);
	else
		err = tree_create(ret, c->tree, f->parent, f->name, &what);
	/* Whether it was there before, for the rest of this walk. */
	if (err == 0)
		(*ret)->mark = f->was != NULL;
	return err;
}

/* f's file, to be read back into n. */
static struct ramfiles_file file_of(const struct collect *c,
				    const struct find *f, struct node *n)
{
	return (struct ramfiles_file){
		.r = c->r,
		.dir = f->dir,
		.name = f->name,
		.tree = c->tree,
		.node = n,
	};
}

int ramfiles_take_xattrs(struct collect *c, const struct find *f,
			 struct node *n)
{
	struct ramfiles_file file = file_of(c, f, n);
	int err;

	if (is_unchanged(f))
		return 0;
	err = ramfiles_read_xattrs(&file);
	c->differs = c->differs || file.differs;
	return err;
}

int ramfiles_put_off(struct collect *c, const struct find *f)
{
	const struct node *like = f->was != NULL ? f->was : f->as;
	struct known k, *added;
	struct node *n;
	int err;

	c->is_unsettled = true;
	/* It may not even have been begun. */
	(void)tree_unlink(c->tree, f->parent, f->name);
	if (like == NULL || S_ISDIR(like->attr.mode))
		return 0;
	err = tree_adopt(&n, c->tree, f->parent, f->name, like);
	if (err == 0)
		n->mark = f->was != NULL;
	if (err != 0 || f->seen == NULL)
		return err;
	mark_found(c, like);
	k = *f->seen;
	k.node = n->ino;
	k.parent = f->parent->ino;
	k.is_racy = true;
	return known_add(&added, &c->known, &k);
}

/* As ramfiles_read(). */
static int read_back(struct collect *c, struct find *f, struct node *n)
{
	struct ramfiles_file file = file_of(c, f, n);
	const int result = ramfiles_read(&file, &f->st, c->walk);

	c->differs = c->differs || file.differs;
	return result;
}

static int take_file(struct collect *c, struct find *f)
{
	bool deep = c->walk->is_deep ||
		    ramfiles_is_suspect(c->r, f->watch, f->name);
	struct node *n;
	int err = ramfiles_start_node(c, f, NULL, &n), result = READ_DONE;

	if (err != 0)
		return err;
	if (deep || !is_unchanged(f))
		result = read_back(c, f, n);
	if (result == READ_TORN)
		return ramfiles_put_off(c, f);
	if (result == READ_GONE)
		return tree_unlink(c->tree, f->parent, f->name);
	if (result < 0)
		return result;
	err = ramfiles_take_xattrs(c, f, n);
	if (err == 0)
		err = ramfiles_set_attributes(c, f, n);
	return err == 0 ? ramfiles_note(c, f, n) : err;
}

static int take_link(struct collect *c, struct find *f)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(f->dir, f->name, target, sizeof(target) - 1);
	struct node *n;
	int err;

	if (len < 0)
		return errno == ENOENT || errno == EINVAL ? 0 : -errno;
	target[len] = '\0';
	/* The target of a link never changes, but its number may be another's
	 * by now. */
	if (f->was != NULL && strcmp(f->was->target, target) != 0)
		f->was = NULL;
	err = ramfiles_start_node(c, f, target, &n);
	if (err == 0)
		err = ramfiles_take_xattrs(c, f, n);
	if (err == 0)
		err = ramfiles_set_attributes(c, f, n);
	return err == 0 ? ramfiles_note(c, f, n) : err;
}

/* FIFOs; and sockets and devices, which are counted, but not kept. */
static int take_special(struct collect *c, struct find *f)
{
	struct node *n;
	int err = ramfiles_start_node(c, f, NULL, &n);

	if (err == 0)
		err = ramfiles_set_attributes(c, f, n);
	return err == 0 ? ramfiles_note(c, f, n) : err;
}

/* Take away the name of n that dir has, leaving dir's times as they are. */
static int drop_name(struct collect *c, struct node *dir, const struct node *n)
{
	const struct entry *e = dir_next(&dir->dir, 0);
	const struct attr a = dir->attr;
	int err;

	while (e != NULL && e->node != n)
		e = dir_next(&dir->dir, e->cookie);
	if (e == NULL)
		return 0;
	err = tree_unlink(c->tree, dir, e->name);
	return err == 0 ? tree_setattr(c->tree, dir, &a, SET_MTIME | SET_CTIME)
			: err;
}

int ramfiles_take_name(struct collect *c, const struct find *f, struct known *k)
{
	struct node *n = tree_node(c->tree, k->node);
	struct node *before = tree_node(c->tree, k->parent);
	struct attr a;
	int err;

	if (n == NULL || S_ISDIR(n->attr.mode))
		return 0;
	a = n->attr;
	err = tree_link(c->tree, n, f->parent, f->name);
	/* With one name, it has moved here since it was seen there; of two in
	 * one folder, the first is the older. */
	if (err == 0 && f->st.st_nlink == 1 && before != NULL &&
	    S_ISDIR(before->attr.mode))
		err = drop_name(c, before, n);
	k->parent = f->parent->ino;
	return err == 0 ? tree_setattr(c->tree, n, &a, SET_CTIME) : err;
}

int ramfiles_take(struct collect *c, struct find *f)
{
	switch (f->st.st_mode & S_IFMT) {
	case S_IFREG:
		return take_file(c, f);
	case S_IFLNK:
		return take_link(c, f);
	default:
		return take_special(c, f);
	}
}
