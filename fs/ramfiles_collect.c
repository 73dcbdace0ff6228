/* SPDX-License-Identifier: MIT */
/*
 * Make the tree what the files are: a new tree is made beside it, which shares
 * with it what has not changed, and takes its place.
 *
 * Names may move while they are walked.  What has gone from where it was, and
 * has not been found anywhere else, may only have been missed; so if any name
 * has moved meanwhile, it stays in the tree until a walk during which none has.
 */
#include "ramfiles_impl.h"

#include "crypto/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	WALKS = 3,    /* until one during which nothing moves */
	RACY_MS = 20, /* what a time of a file may be off: two ticks */
	NS_PER_MS = 1000000,
};

struct collect {
	struct ramfiles *r;
	const struct ramfiles_walk *walk;
	struct tree *tree; /* that is being made */
	struct known_table known;
	uint8_t *found; /* a bit for each node of the old tree */
	bool differs, is_unsettled;
};

/* One name that was come upon. */
struct find {
	int dir; /* descriptor of its folder */
	const char *name;
	struct node *parent;	  /* in the new tree */
	const struct node *as;	  /* what the old tree has there, or NULL */
	const struct node *was;	  /* the same file in the old tree, or NULL */
	const struct known *seen; /* ... and what is known of it */
	int watch;		  /* of its folder */
	struct stat st;
};

static void mark_found(const struct collect *c, const struct node *n)
{
	c->found[n->ino / 8] |= (uint8_t)(1U << n->ino % 8);
}

static bool is_found(const struct collect *c, const struct node *n)
{
	return (c->found[n->ino / 8] & (1U << n->ino % 8)) != 0;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Could it change once more without its times telling? */
static bool is_racy(const struct stat *st)
{
	struct timespec now;
	int64_t ms;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	ms = ((int64_t)now.tv_sec - st->st_ctim.tv_sec) * 1000 +
	     (now.tv_nsec - st->st_ctim.tv_nsec) / NS_PER_MS;
	return ms < RACY_MS;
}

/* Are contents and attributes what they were when it was read last? */
static bool is_unchanged(const struct find *f)
{
	const struct known *k = f->seen;

	return k != NULL && !k->is_racy && k->size == (uint64_t)f->st.st_size &&
	       is_same_time(&k->mtime, &f->st.st_mtim) &&
	       is_same_time(&k->ctime, &f->st.st_ctim);
}

/* What is kept of f's file, which is the new tree's n. */
static int note(struct collect *c, const struct find *f, const struct node *n)
{
	const struct stat *st = &f->st;
	struct known k = {
		.ino = st->st_ino,
		.node = n->ino,
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
static int set_attributes(struct collect *c, const struct find *f,
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
		if (is_same_time(&k->ctime, &a.ctime))
			a.ctime = was->ctime;
	}
	c->differs = c->differs || was == NULL || was->mode != a.mode ||
		     was->uid != a.uid || was->gid != a.gid ||
		     !is_same_time(&was->mtime, &a.mtime);
	return tree_setattr(c->tree, n, &a,
			    SET_MODE | SET_UID | SET_GID | SET_ATIME |
				    SET_MTIME | SET_CTIME);
}

/* Start f's node: a copy of what it was, or an empty one. */
static int start_node(struct collect *c, const struct find *f,
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

	if (f->was != NULL)
		return tree_adopt(ret, c->tree, f->parent, f->name, f->was);
	return tree_create(ret, c->tree, f->parent, f->name, &what);
}

static int take_xattrs(struct collect *c, const struct find *f, struct node *n)
{
	if (is_unchanged(f))
		return 0;
	return ramfiles_read_xattrs(c->r, c->tree, f->dir, f->name, n,
				    &c->differs);
}

/* Leave f as the old tree has it, or out, until it can be read whole. */
static int put_off(struct collect *c, const struct find *f, struct node *n)
{
	const struct node *like = f->was != NULL ? f->was : f->as;
	struct known k, *added;
	int err;

	c->is_unsettled = true;
	err = tree_unlink(c->tree, f->parent, f->name);
	if (err != 0 || like == NULL || !S_ISREG(like->attr.mode))
		return err;
	err = tree_adopt(&n, c->tree, f->parent, f->name, like);
	if (err != 0 || f->seen == NULL)
		return err;
	mark_found(c, like);
	k = *f->seen;
	k.node = n->ino;
	k.is_racy = true;
	return known_add(&added, &c->known, &k);
}

static int take_file(struct collect *c, struct find *f)
{
	bool deep = c->walk->is_deep ||
		    ramfiles_is_suspect(c->r, f->watch, f->name);
	struct node *n;
	int err = start_node(c, f, NULL, &n), result = READ_DONE;

	if (err != 0)
		return err;
	if (deep || !is_unchanged(f))
		result = ramfiles_read(c->r, c->tree, f->dir, f->name, n,
				       &f->st, c->walk, &c->differs);
	if (result == READ_TORN)
		return put_off(c, f, n);
	if (result == READ_GONE)
		return tree_unlink(c->tree, f->parent, f->name);
	if (result < 0)
		return result;
	err = take_xattrs(c, f, n);
	if (err == 0)
		err = set_attributes(c, f, n);
	return err == 0 ? note(c, f, n) : err;
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
	err = start_node(c, f, target, &n);
	if (err == 0)
		err = take_xattrs(c, f, n);
	if (err == 0)
		err = set_attributes(c, f, n);
	return err == 0 ? note(c, f, n) : err;
}

/* FIFOs; and sockets and devices, which are counted, but not kept. */
static int take_special(struct collect *c, struct find *f)
{
	struct node *n;
	int err = start_node(c, f, NULL, &n);

	if (err == 0)
		err = set_attributes(c, f, n);
	return err == 0 ? note(c, f, n) : err;
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
	err = start_node(c, f, NULL, &n);
	if (err == 0)
		err = note(c, f, n);
	if (err == 0)
		err = walk_folder(c, fd, n, f->was);
	if (err == 0)
		err = take_xattrs(c, f, n);
	/* What was made in it has changed its times. */
	if (err == 0)
		err = set_attributes(c, f, n);
	(void)close(fd);
	return err;
}

/* A further name of something that has been come upon already. */
static int take_name(struct collect *c, const struct find *f,
		     const struct known *k)
{
	struct node *n = tree_node(c->tree, k->node);
	struct attr a;
	int err;

	if (n == NULL || S_ISDIR(n->attr.mode))
		return 0;
	a = n->attr;
	err = tree_link(c->tree, n, f->parent, f->name);
	return err == 0 ? tree_setattr(c->tree, n, &a, SET_CTIME) : err;
}

static int take(struct collect *c, struct find *f)
{
	switch (f->st.st_mode & S_IFMT) {
	case S_IFREG:
		return take_file(c, f);
	case S_IFDIR:
		return take_folder(c, f);
	case S_IFLNK:
		return take_link(c, f);
	default:
		return take_special(c, f);
	}
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
	const struct known *met;

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
	return met != NULL ? take_name(c, f, met) : take(c, f);
}

/* Put the names in fd, a folder that was was, into dir. */
static int walk_folder(struct collect *c, int fd, struct node *dir,
		       const struct node *was)
{
	struct known *k = NULL;
	struct stat st;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0), err = 0;
	DIR *d = own >= 0 ? fdopendir(own) : NULL;
	const struct dirent *e;
	int watch = 0;

	if (d == NULL) {
		err = -errno;
		if (own >= 0)
			(void)close(own);
		return err;
	}
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
	}
	(void)closedir(d);
	c->differs =
		c->differs || was == NULL || was->dir.count != dir->dir.count;
	return err;
}

/* Keep what may have been missed: all of was that was not found, in dir. */
static int keep_missed(struct collect *c, struct node *dir,
		       const struct node *was)
{
	const struct entry *e = dir_next(&was->dir, 0);
	int err = 0;

	for (; err == 0 && e != NULL; e = dir_next(&was->dir, e->cookie)) {
		struct node *n;

		err = tree_lookup(&n, c->tree, dir, e->name);
		if (err == -ENOENT && !is_found(c, e->node)) {
			c->is_unsettled = true;
			err = tree_adopt(&n, c->tree, dir, e->name, e->node);
		} else if (err == -ENOENT) {
			err = 0;
			continue;
		}
		if (err == 0 && S_ISDIR(e->node->attr.mode) &&
		    S_ISDIR(n->attr.mode))
			err = keep_missed(c, n, e->node);
	}
	return err;
}

/* Release what was made, of which nothing is wanted. */
static void drop(struct collect *c)
{
	tree_free(c->tree);
	known_free(&c->known);
	mem_free(c->found);
	c->tree = NULL;
	c->found = NULL;
}

/* An empty tree, with the root's attributes, and what else a walk needs. */
static int begin(struct collect *c)
{
	const struct tree *old = c->r->parts.tree;
	/* What is there has to be kept, whatever it takes. */
	const struct tree_limits none = {UINT64_MAX / 2, UINT64_MAX / 2, NULL};
	uint64_t last = 0;
	int err;

	for (const struct node *n = tree_next(old, TREE_ROOT); n != NULL;
	     n = tree_next(old, n->ino + 1))
		last = n->ino;
	c->found = mem_alloc_in(MEM_PLAIN, last / 8 + 1);
	err = c->found != NULL ? tree_new(&c->tree, &none,
					  &tree_node(old, TREE_ROOT)->attr)
			       : -ENOMEM;
	c->differs = c->is_unsettled = false;
	return err;
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
		err = note(c, &f, root);
	}
	if (err == 0)
		err = walk_folder(c, fd, root, was);
	if (err == 0)
		err = ramfiles_read_xattrs(c->r, c->tree, fd, ".", root,
					   &c->differs);
	if (err == 0)
		err = set_attributes(c, &f, root);
	if (fd >= 0)
		(void)close(fd);
	return err;
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
	if (err == 0 && !is_clean)
		err = keep_missed(&c, tree_node(c.tree, TREE_ROOT),
				  tree_node(r->parts.tree, TREE_ROOT));
	if (err == 0)
		err = replace(&c);
	*settled = err == 0 && !c.is_unsettled;
	*changed = err == 0 && c.differs;
	if (*settled)
		memset(r->suspects, 0, sizeof(r->suspects));
	drop(&c);
	return err;
}
