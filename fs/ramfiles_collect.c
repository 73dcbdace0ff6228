/* SPDX-License-Identifier: MIT */
/*
 * Make the tree what the files are: a new tree is made beside it, which shares
 * with it what has not changed, and takes its place.
 *
 * Names may move while they are walked.  What has gone from where it was, and
 * has not been found anywhere else, may only have been missed; so if any name
 * has moved meanwhile, it stays in the tree until a walk during which none has.
 */
#include "ramfiles_take.h"

#include "crypto/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WALKS = 3 }; /* until one during which nothing moves */

static bool is_found(const struct collect *c, const struct node *n)
{
	return (c->found[n->ino / 8] & (1U << n->ino % 8)) != 0;
}

static int walk_folder(struct collect *c, int fd, struct node *dir,
		       const struct node *was);

static int take_folder(struct collect *c, struct find *f)
{
	struct node *n;
	int fd = openat(f->dir, f->name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int err;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 0
			       : -errno;
	err = ramfiles_start_node(c, f, NULL, &n);
	if (err == 0)
		err = ramfiles_note(c, f, n);
	if (err == 0)
		err = walk_folder(c, fd, n, f->was);
	if (err == 0)
		err = ramfiles_take_xattrs(c, f, n);
	/* What was made in it has changed its times. */
	if (err == 0)
		err = ramfiles_set_attributes(c, f, n);
	(void)close(fd);
	return err;
}

/* Find out what the old tree knows of f. */
static void look_up(const struct collect *c, struct find *f,
		    const struct node *was)
{
	const struct entry *e =
		was != NULL ? dir_find(&was->dir, f->name) : NULL;
	const struct known *k = known_find(&c->r->known, f->st.st_ino);
	const struct node *n =
		k != NULL ? tree_node(c->r->parts.tree, k->node) : NULL;

	f->as = e != NULL ? e->node : NULL;
	if (n == NULL || (n->attr.mode & S_IFMT) != (f->st.st_mode & S_IFMT))
		return;
	f->was = n;
	f->seen = k;
}

static int take_entry(struct collect *c, struct find *f, const struct node *was)
{
	struct known *met;

	if (fstatat(f->dir, f->name, &f->st,
		    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
		return errno == ENOENT ? 0 : -errno;
	/* What is mounted in it is not of it; this name no vault keeps. */
	if (f->st.st_dev != c->r->dev || (f->parent->ino == TREE_ROOT &&
					  strcmp(f->name, TREE_RESERVED) == 0))
		return 0;
	look_up(c, f, was);
	c->differs = c->differs || f->as == NULL || f->as != f->was;
	met = known_find(&c->known, f->st.st_ino);
	if (met != NULL)
		return ramfiles_take_name(c, f, met);
	return S_ISDIR(f->st.st_mode) ? take_folder(c, f) : ramfiles_take(c, f);
}

/*
 * What cannot be taken, whyever, must not keep all the rest from being saved:
 * it stays as it was.  Only without memory nothing can be done.
 */
static int pass_over(struct collect *c, const struct find *f, int err)
{
	if (err == -ENOMEM)
		return err;
	/* One name twice: it was made again while its folder was listed. */
	if (err == -EEXIST) {
		c->r->has_moved = true;
		return 0;
	}
	c->failed = c->failed != 0 ? c->failed : err;
	if (!S_ISDIR(f->st.st_mode))
		return ramfiles_put_off(c, f);
	c->has_missed = c->is_unsettled = true;
	return 0;
}

/* Put the names in fd, a folder that was was, into dir. */
static int walk_folder(struct collect *c, int fd, struct node *dir,
		       const struct node *was)
{
	struct known *k = NULL;
	struct stat st;
	DIR *d = ramfiles_list(fd);
	const struct dirent *e;
	int watch = 0, err = 0;

	if (d == NULL)
		return -errno;
	/* Before it is listed, so that nothing is missed. */
	if (fstat(fd, &st) == 0)
		k = known_find(&c->known, st.st_ino);
	if (k != NULL) {
		ramfiles_watch(c->r, fd, k);
		watch = k->watch;
	}
	while (err == 0 && (e = readdir(d)) != NULL) {
		struct find f = {.dir = fd,
				 .name = e->d_name,
				 .parent = dir,
				 .watch = watch};

		if (strcmp(f.name, ".") != 0 && strcmp(f.name, "..") != 0)
			err = take_entry(c, &f, was);
		if (err != 0)
			err = pass_over(c, &f, err);
	}
	(void)closedir(d);
	c->differs =
		c->differs || was == NULL || was->dir.count != dir->dir.count;
	return err;
}

/* What is known of a kept node stays, or it would not be known again. */
static int keep_known(struct collect *c, const struct node *was,
		      const struct node *n)
{
	const struct known *k = c->known_as[was->ino];
	struct known kept, *added;

	if (k == NULL || known_find(&c->known, k->ino) != NULL)
		return 0;
	kept = *k;
	kept.node = n->ino;
	return known_add(&added, &c->known, &kept);
}

/*
 * A name in dir for what was called name in the folder was.  If that is another
 * one's by now, it has been replaced if that one is new; but one that was there
 * before may have changed places with it: then the name of something that has
 * been found elsewhere, or one like its own.  False: there is none.
 */
static bool find_free(char ret[static DIR_NAME_MAX + 1],
		      const struct collect *c, const struct node *dir,
		      const struct node *was, const char *name)
{
	const struct entry *e = dir_next(&was->dir, 0),
			   *taker = dir_find(&dir->dir, name);

	if (taker != NULL && taker->node->mark == 0)
		return false;
	(void)snprintf(ret, DIR_NAME_MAX + 1, "%s", name);
	for (; e != NULL && dir_find(&dir->dir, ret) != NULL;
	     e = dir_next(&was->dir, e->cookie))
		if (is_found(c, e->node))
			(void)snprintf(ret, DIR_NAME_MAX + 1, "%s", e->name);
	for (unsigned i = 0; i < 100 && dir_find(&dir->dir, ret) != NULL; i++)
		(void)snprintf(ret, DIR_NAME_MAX + 1, "%.200s.missed%u", name,
			       i);
	return dir_find(&dir->dir, ret) == NULL;
}

/* Keep one of them, under that name. */
static int keep_one(struct collect *c, struct node *dir, const char *name,
		    const struct node *was, struct node **ret)
{
	const struct known *k = c->known_as[was->ino];
	const struct known *met =
		k != NULL ? known_find(&c->known, k->ino) : NULL;
	int err;

	c->is_unsettled = true;
	*ret = met != NULL ? tree_node(c->tree, met->node) : NULL;
	/* Another name of it has been kept already. */
	if (*ret != NULL)
		return tree_link(c->tree, *ret, dir, name);
	err = tree_adopt(ret, c->tree, dir, name, was);
	return err == 0 ? keep_known(c, was, *ret) : err;
}

/* Keep what may have been missed: all of was that was not found, in dir. */
static int keep_missed(struct collect *c, struct node *dir,
		       const struct node *was)
{
	const struct entry *e = dir_next(&was->dir, 0);
	char name[DIR_NAME_MAX + 1];
	int err = 0;

	for (; err == 0 && e != NULL; e = dir_next(&was->dir, e->cookie)) {
		struct node *n;

		if (is_found(c, e->node) ||
		    !find_free(name, c, dir, was, e->name))
			continue;
		err = keep_one(c, dir, name, e->node, &n);
		if (err == 0 && S_ISDIR(e->node->attr.mode))
			err = keep_missed(c, n, e->node);
	}
	return err;
}

/* The same in all folders that were found, wherever they are by now. */
static int keep_all_missed(struct collect *c)
{
	const struct known_table *old = &c->r->known;
	int err = 0;

	c->known_as = mem_alloc_in(
		MEM_PLAIN, (c->last + 1) * sizeof(const struct known *));
	if (c->known_as == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < old->room; i++)
		if (old->at[i].ino != 0 && old->at[i].node <= c->last)
			c->known_as[old->at[i].node] = &old->at[i];
	for (size_t i = 0; err == 0 && i < old->room; i++) {
		const struct known *was = &old->at[i];
		const struct known *is =
			was->ino != 0 ? known_find(&c->known, was->ino) : NULL;
		const struct node *from =
			is != NULL ? tree_node(c->r->parts.tree, was->node)
				   : NULL;
		struct node *to =
			from != NULL ? tree_node(c->tree, is->node) : NULL;

		if (to != NULL && S_ISDIR(from->attr.mode) &&
		    S_ISDIR(to->attr.mode))
			err = keep_missed(c, to, from);
	}
	return err;
}

/* Release what was made, of which nothing is wanted. */
static void drop(struct collect *c)
{
	tree_free(c->tree);
	known_free(&c->known);
	mem_free(c->found);
	mem_free(c->known_as);
	c->tree = NULL;
	c->found = NULL;
	c->known_as = NULL;
}

/* An empty tree, with the root's attributes, and what else a walk needs. */
static int begin(struct collect *c)
{
	const struct tree *old = c->r->parts.tree;
	/* What is there has to be kept, whatever it takes. */
	const struct tree_limits none = {UINT64_MAX / 2, UINT64_MAX / 2, NULL};
	int err;

	for (const struct node *n = tree_next(old, TREE_ROOT); n != NULL;
	     n = tree_next(old, n->ino + 1))
		c->last = n->ino;
	c->found = mem_alloc_in(MEM_PLAIN, c->last / 8 + 1);
	err = c->found != NULL ? tree_new(&c->tree, &none,
					  &tree_node(old, TREE_ROOT)->attr)
			       : -ENOMEM;
	c->differs = c->is_unsettled = c->has_missed = false;
	c->found_count = 0;
	c->failed = 0;
	return err;
}

static int take_root_xattrs(struct collect *c, int fd, struct node *root,
			    const struct node *was)
{
	struct ramfiles_file file = {
		.r = c->r,
		.dir = fd,
		.name = ".",
		.tree = c->tree,
		.node = root,
	};
	int err = tree_adopt_xattrs(c->tree, root, was);

	if (err == 0)
		err = ramfiles_read_xattrs(&file);
	c->differs = c->differs || file.differs;
	if (err == 0 || err == -ENOMEM)
		return err;
	c->failed = err;
	return 0;
}

/* The root is there already; everything else is found in it. */
static int walk_root(struct collect *c)
{
	struct node *root = tree_node(c->tree, TREE_ROOT);
	const struct node *was = tree_node(c->r->parts.tree, TREE_ROOT);
	int fd = openat(c->r->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct find f = {.dir = fd, .name = ".", .was = was};
	int err = fd >= 0 && fstat(fd, &f.st) == 0 ? 0 : -errno;

	if (err == 0) {
		f.seen = known_find(&c->r->known, f.st.st_ino);
		err = ramfiles_note(c, &f, root);
	}
	if (err == 0)
		err = walk_folder(c, fd, root, was);
	if (err == 0)
		err = take_root_xattrs(c, fd, root, was);
	if (err == 0)
		err = ramfiles_set_attributes(c, &f, root);
	if (fd >= 0)
		(void)close(fd);
	return err;
}

/*
 * Something was not found.  If it has moved, that was to be seen a moment
 * before it is told.
 */
static void await_word(const struct collect *c)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	const struct tree_usage u = tree_usage(c->r->parts.tree);

	if (c->found_count < u.files + u.folders)
		(void)nanosleep(&moment, NULL);
}

/* Walk once.  *is_clean: no name has moved meanwhile. */
static int walk(struct collect *c, bool *is_clean)
{
	struct ramfiles *r = c->r;
	int err = begin(c);

	(void)ramfiles_hear(r, false);
	ramfiles_begin_hearing(r);
	if (err == 0)
		err = walk_root(c);
	await_word(c);
	r->is_behind = ramfiles_hear(r, true);
	*is_clean = !r->has_moved;
	return err;
}

/* Let the new tree take the old one's place. */
static int replace(struct collect *c)
{
	struct ramfiles *r = c->r;
	int err = tree_replace(r->parts.tree, c->tree, c->differs);

	if (err != 0)
		return err;
	known_free(&r->known);
	r->known = c->known;
	c->known = (struct known_table){0};
	return 0;
}

int ramfiles_collect(struct ramfiles *r, const struct ramfiles_walk *how,
		     bool *settled, bool *changed)
{
	struct collect c = {.r = r, .walk = how};
	bool is_clean = false;
	int err = 0;

	for (int i = 0; err == 0 && !is_clean && i < WALKS; i++) {
		drop(&c);
		err = walk(&c, &is_clean);
	}
	if (err == 0 && (!is_clean || c.has_missed))
		err = keep_all_missed(&c);
	if (err == 0)
		err = replace(&c);
	ramfiles_wipe_buffers(r);
	*settled = err == 0 && !c.is_unsettled;
	*changed = err == 0 && c.differs;
	if (*settled)
		memset(r->suspects, 0, sizeof(r->suspects));
	drop(&c);
	return err == 0 ? c.failed : err;
}
