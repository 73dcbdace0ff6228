/* SPDX-License-Identifier: MIT */
/* Make files of a tree. */
#include "ramfiles_impl.h"

#include "crypto/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINK_NAME = 40 };

/* The mode, the owner and the group that n is to be shown with. */
static void set_shown(struct known *ret, const struct ramfiles *r,
		      const struct node *n)
{
	const struct backend_view *v = &r->view;

	ret->mode = v->set_umask && !S_ISLNK(n->attr.mode)
			    ? 0777 & ~v->umask
			    : n->attr.mode & 07777;
	if (n->ino == TREE_ROOT && !r->allow_other)
		ret->mode &= ~(uint32_t)077;
	ret->uid = v->set_uid ? v->uid : n->attr.uid;
	ret->gid = v->set_gid ? v->gid : n->attr.gid;
}

static int write_all(int fd, const uint8_t *p, size_t len, uint64_t off)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			off += (uint64_t)n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* What is no hole, from off on, at most a step. */
static int write_piece(struct ramfiles *r, int fd, const struct node *n,
		       uint64_t *off)
{
	uint64_t from, to;
	ssize_t got;
	int err;

	if (tree_seek(&from, n, *off, SEEK_DATA) != 0) {
		*off = n->attr.size;
		return 0;
	}
	err = tree_seek(&to, n, from, SEEK_HOLE);
	if (err != 0)
		return err;
	if (to - from > RAMFILES_STEP)
		to = from + RAMFILES_STEP;
	got = node_read(n, from, r->buf, (size_t)(to - from));
	if (got <= 0)
		return got < 0 ? (int)got : -EIO;
	*off = from + (uint64_t)got;
	return write_all(fd, r->buf, (size_t)got, from);
}

static int make_file(struct ramfiles *r, int dir, const char *name,
		     const struct node *n)
{
	int fd = openat(dir, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	int err = fd >= 0 ? 0 : -errno;

	if (err == 0 && ftruncate(fd, (off_t)n->attr.size) != 0)
		err = -errno;
	for (uint64_t off = 0; err == 0 && off < n->attr.size;)
		err = write_piece(r, fd, n, &off);
	if (fd >= 0)
		(void)close(fd);
	return err;
}

/* Make n, without what is in it. */
static int make(struct ramfiles *r, int dir, const char *name,
		const struct node *n)
{
	int err;

	switch (n->attr.mode & S_IFMT) {
	case S_IFREG:
		return make_file(r, dir, name, n);
	case S_IFDIR:
		err = mkdirat(dir, name, 0700);
		break;
	case S_IFLNK:
		err = symlinkat(n->target, dir, name);
		break;
	case S_IFIFO:
		err = mknodat(dir, name, S_IFIFO | 0600, 0);
		break;
	default:
		return -EINVAL;
	}
	return err == 0 ? 0 : -errno;
}

/* May not give it to that owner, who is not of this namespace. */
static bool is_foreign(int err)
{
	return err == EPERM || err == EINVAL;
}

static int set_owner(int dir, const char *name, struct known *k)
{
	struct stat st;

	if (fchownat(dir, name, k->uid, k->gid,
		     AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0)
		return 0;
	if (!is_foreign(errno))
		return -errno;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
		return -errno;
	k->uid = st.st_uid;
	k->gid = st.st_gid;
	return 0;
}

/* Give it all the rest of n, and keep what it is in the table. */
static int finish(struct ramfiles *r, int dir, const char *name,
		  const struct node *n)
{
	const struct timespec times[] = {n->attr.atime, n->attr.mtime};
	struct known k = {.node = n->ino}, *added;
	struct stat st = {0};
	int err;

	set_shown(&k, r, n);
	err = set_owner(dir, name, &k);
	if (err == 0 && !S_ISLNK(n->attr.mode) &&
	    fchmodat(dir, name, k.mode, 0) != 0)
		err = -errno;
	if (err == 0)
		err = ramfiles_write_xattrs(r, dir, name, n);
	if (err == 0 &&
	    (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) != 0 ||
	     fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0))
		err = -errno;
	if (err != 0)
		return err;
	k.ino = st.st_ino;
	k.size = (uint64_t)st.st_size;
	k.mtime = st.st_mtim;
	k.ctime = st.st_ctim;
	/* An access list may show other permissions than the mode. */
	k.mode = st.st_mode & 07777;
	return known_add(&added, &r->known, &k);
}

/* A name in the root for what has several names, which nothing else has. */
static void first_name(char name[static LINK_NAME], const struct ramfiles *r,
		       const struct node *n)
{
	const struct node *root = tree_node(r->parts.tree, TREE_ROOT);
	unsigned long long i = 0;

	do
		(void)snprintf(name, LINK_NAME, "%llx.%llx",
			       (unsigned long long)n->ino, i++);
	while (dir_find(&root->dir, name) != NULL);
}

/* Make it once, under that name, and link all others to it. */
static int link_one(struct ramfiles *r, int dir, const char *name,
		    const struct node *n)
{
	char first[LINK_NAME];
	struct stat st;
	int err = 0;

	first_name(first, r, n);
	if (fstatat(r->root, first, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		err = make(r, r->root, first, n);
		if (err == 0)
			err = finish(r, r->root, first, n);
	}
	if (err == 0 && linkat(r->root, first, dir, name, 0) != 0)
		err = -errno;
	return err;
}

static int fill_folder(struct ramfiles *r, int fd, const struct node *dir);

static int fill_entry(struct ramfiles *r, int fd, const struct entry *e)
{
	const struct node *n = e->node;
	int err, child;

	/* A vault keeps no others. */
	if (S_ISSOCK(n->attr.mode) || S_ISCHR(n->attr.mode) ||
	    S_ISBLK(n->attr.mode))
		return 0;
	if (!S_ISDIR(n->attr.mode) && n->nlink > 1)
		return link_one(r, fd, e->name, n);
	err = make(r, fd, e->name, n);
	if (err == 0 && S_ISDIR(n->attr.mode)) {
		child = openat(fd, e->name,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		err = child >= 0 ? fill_folder(r, child, n) : -errno;
		if (child >= 0)
			(void)close(child);
	}
	return err == 0 ? finish(r, fd, e->name, n) : err;
}

static int fill_folder(struct ramfiles *r, int fd, const struct node *dir)
{
	const struct entry *e = dir_next(&dir->dir, 0);
	int err = 0;

	for (; err == 0 && e != NULL; e = dir_next(&dir->dir, e->cookie))
		err = fill_entry(r, fd, e);
	return err;
}

/* Remove the names that only linking took. */
static void forget_links(struct ramfiles *r)
{
	const struct node *n = tree_next(r->parts.tree, TREE_ROOT);
	char first[LINK_NAME];

	for (; n != NULL; n = tree_next(r->parts.tree, n->ino + 1)) {
		if (S_ISDIR(n->attr.mode) || n->nlink < 2)
			continue;
		first_name(first, r, n);
		(void)unlinkat(r->root, first, 0);
	}
}

/* Linking and its end have changed times that a walk would look at. */
static void note_links(struct ramfiles *r)
{
	for (size_t i = 0; i < r->known.room; i++) {
		struct known *k = &r->known.at[i];
		const struct node *n =
			k->ino != 0 ? tree_node(r->parts.tree, k->node) : NULL;

		if (n != NULL && !S_ISDIR(n->attr.mode) && n->nlink > 1)
			k->is_racy = true;
	}
}

int ramfiles_fill(struct ramfiles *r)
{
	const struct node *root = tree_node(r->parts.tree, TREE_ROOT);
	int err = fill_folder(r, r->root, root);

	ramfiles_wipe_buffers(r);
	forget_links(r);
	note_links(r);
	return err == 0 ? finish(r, r->root, ".", root) : err;
}
