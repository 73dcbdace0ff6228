/* SPDX-License-Identifier: MIT */
#include "renew.h"

#include "alike.h"
#include "fs/ramfiles.h"
#include "tools/mounts/table.h"

#include <dirent.h>
#include <fcntl.h>
#include <libmount.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder, as the tables of all namespaces know it. */
struct place {
	dev_t dev;	     /* of the filesystem that it is in */
	char path[PATH_MAX]; /* there */
};

struct renewal {
	const struct remains *what;
	int parent, folder; /* O_PATH; or -1 */
	int mount_id;	    /* that both are in */
	const char *name;   /* of the folder in its parent */
	char dir[PATH_MAX]; /* the path that the kernel has for it */
	struct place place;
	bool has_copy; /* somewhere */
	bool has_else; /* something that would suffer */
};

/* What path has below folder, from a slash on, or NULL if it is not in it. */
static const char *rest_of(const char *path, const char *folder)
{
	const size_t len = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, len) == 0 &&
			       (path[len] == '/' || path[len] == '\0')
		       ? path + len
		       : NULL;
}

/* Where path, which is in the mount fs, is in fs's filesystem. */
static bool locate(struct place *ret, struct libmnt_fs *fs, const char *path)
{
	const char *root = fs != NULL ? mnt_fs_get_root(fs) : NULL;
	const char *rest;

	if (root == NULL || mnt_fs_get_target(fs) == NULL || path == NULL)
		return false;
	rest = rest_of(path, mnt_fs_get_target(fs));
	if (rest == NULL)
		return false;
	ret->dev = mnt_fs_get_devno(fs);
	return snprintf(ret->path, sizeof(ret->path), "%s%s",
			strcmp(root, "/") == 0 ? "" : root,
			rest) < (int)sizeof(ret->path);
}

static bool is_same(const struct place *a, const struct place *b)
{
	return a->dev == b->dev && strcmp(a->path, b->path) == 0;
}

static bool is_copy(const struct renewal *r, struct libmnt_fs *fs)
{
	const char *source = mnt_fs_get_source(fs), *vault;
	uint32_t uid;

	if (mnt_fs_get_devno(fs) != r->what->dev || source == NULL)
		return false;
	vault = ramfiles_vault(&uid, source);
	return strcmp(vault != NULL ? vault : source, r->what->vault) == 0;
}

/* What does one mount of a table say about the folder? */
static void judge_one(struct renewal *r, struct libmnt_table *t,
		      struct libmnt_fs *fs)
{
	struct libmnt_fs *parent = table_find(t, mnt_fs_get_parent_id(fs));
	const char *root = mnt_fs_get_root(fs);
	struct place at;

	if (mnt_fs_get_devno(fs) == r->place.dev && root != NULL &&
	    strcmp(root, r->place.path) == 0)
		r->has_else = true;
	if (is_copy(r, fs)) {
		r->has_copy = r->has_copy ||
			      (locate(&at, parent, mnt_fs_get_target(fs)) &&
			       is_same(&at, &r->place));
		return;
	}
	if (parent != NULL && is_copy(r, parent))
		r->has_else = true;
	if (locate(&at, parent, mnt_fs_get_target(fs)) &&
	    is_same(&at, &r->place))
		r->has_else = true;
}

/* The table of that process, or NULL. */
static struct libmnt_table *read_table(const char *pid)
{
	struct libmnt_table *t;
	char path[NAME_MAX + 32];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	f = fopen(path, "re");
	t = table_parse(f);
	if (f != NULL)
		(void)fclose(f);
	return t;
}

static void judge(struct renewal *r, const char *pid)
{
	struct libmnt_table *t = read_table(pid);
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	while (t != NULL && iter != NULL &&
	       mnt_table_next_fs(t, iter, &fs) == 0)
		judge_one(r, t, fs);
	mnt_free_iter(iter);
	mnt_unref_table(t);
}

/* Is it of use, and does it harm nobody? */
static bool is_wanted(struct renewal *r)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;

	if (proc == NULL)
		return false;
	while (!r->has_else && (e = readdir(proc)) != NULL)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			judge(r, e->d_name);
	(void)closedir(proc);
	return r->has_copy && !r->has_else;
}

/* Can nobody but us put anything else where the new folder is made? */
static bool is_ours(const struct statx *st)
{
	return (st->stx_mode & S_ISVTX) != 0 ||
	       (st->stx_uid == geteuid() && (st->stx_mode & 022) == 0);
}

static bool look(int fd, struct statx *st)
{
	return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID,
		     st) == 0 &&
	       (st->stx_mask & STATX_MNT_ID) != 0;
}

/* Open the folder and its parent, which it must be in as any other. */
static bool open_both(struct renewal *r)
{
	enum { FLAGS = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
	struct statx parent, folder;
	char link[32], *slash;
	ssize_t len;

	r->folder = open(r->what->dir, FLAGS);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", r->folder);
	len = readlink(link, r->dir, sizeof(r->dir) - 1);
	if (r->folder < 0 || len <= 1)
		return false;
	r->dir[len] = '\0';
	slash = strrchr(r->dir, '/');
	r->name = slash + 1;
	r->parent = openat(r->folder, "..", FLAGS);
	if (r->parent < 0 || !look(r->parent, &parent) ||
	    !look(r->folder, &folder))
		return false;
	r->mount_id = (int)folder.stx_mnt_id;
	return parent.stx_mnt_id == folder.stx_mnt_id && is_ours(&parent);
}

static bool find_place(struct renewal *r)
{
	struct libmnt_table *t = read_table("self");
	const bool found =
		t != NULL &&
		locate(&r->place, table_find(t, r->mount_id), r->dir);

	mnt_unref_table(t);
	return found;
}

/* Is the folder still what has that name? */
static bool is_there(const struct renewal *r)
{
	struct stat at, st;

	return fstatat(r->parent, r->name, &at, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(r->folder, &st) == 0 && at.st_ino == st.st_ino &&
	       at.st_dev == st.st_dev;
}

/* A name that tells whose it is, should we die with the folder made. */
static void replace(const struct renewal *r)
{
	char name[NAME_MAX + 1];

	if (snprintf(name, sizeof(name), ".%s.tazpod", r->name) >=
	    (int)sizeof(name))
		return;
	/* One that was left is empty, or it stays. */
	(void)unlinkat(r->parent, name, AT_REMOVEDIR);
	if (mkdirat(r->parent, name, S_IRWXU) != 0)
		return;
	/* If anything is in the old one, or mounted on it, this fails. */
	if (alike_make(r->parent, name, r->folder) != 0 || !is_there(r) ||
	    renameat(r->parent, name, r->parent, r->name) != 0)
		(void)unlinkat(r->parent, name, AT_REMOVEDIR);
}

void renew_place(const struct remains *what)
{
	struct renewal r = {.what = what, .parent = -1, .folder = -1};

	if (open_both(&r) && find_place(&r) && is_wanted(&r))
		replace(&r);
	if (r.parent >= 0)
		(void)close(r.parent);
	if (r.folder >= 0)
		(void)close(r.folder);
}
