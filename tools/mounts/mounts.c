/* SPDX-License-Identifier: MIT */
#include "mounts.h"

#include "fs/ramfiles.h"
#include "table.h"

#include <errno.h>
#include <libmount.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const char mountinfo[] = "/proc/self/mountinfo";

static const char fuse_type[] = "fuse.tazpodfs";

/* Which vault is fs of, and *owner who has mounted it?  NULL: it is not ours.
 */
static const char *vault_of(struct libmnt_fs *fs, uid_t *owner)
{
	const char *type = mnt_fs_get_fstype(fs),
		   *source = mnt_fs_get_source(fs);
	char *value;
	size_t len;

	*owner = 0;
	if (type == NULL || source == NULL || mnt_fs_get_target(fs) == NULL)
		return NULL;
	if (strcmp(type, "tmpfs") == 0 || strcmp(type, "ramfs") == 0)
		return ramfiles_vault(owner, source);
	if (strcmp(type, fuse_type) != 0)
		return NULL;
	if (mnt_fs_get_option(fs, "user_id", &value, &len) == 0 &&
	    value != NULL)
		*owner = (uid_t)strtoul(value, NULL, 10);
	return source;
}

/* Put a mount before *list. */
static int add(struct mounted **list, struct libmnt_fs *fs, const char *vault,
	       uid_t owner)
{
	struct mounted *m = calloc(1, sizeof(*m));
	const char *root = mnt_fs_get_root(fs);

	if (m == NULL)
		return -ENOMEM;
	m->next = *list;
	*list = m;
	m->dev = mnt_fs_get_devno(fs);
	m->id = mnt_fs_get_id(fs);
	m->owner = owner;
	m->dir = strdup(mnt_fs_get_target(fs));
	m->type = strdup(mnt_fs_get_fstype(fs));
	m->source = strdup(mnt_fs_get_source(fs));
	m->vault = strdup(vault);
	if (m->dir == NULL || m->type == NULL || m->source == NULL ||
	    m->vault == NULL)
		return -ENOMEM;
	m->is_fuse = strcmp(m->type, fuse_type) == 0;
	m->is_part = root != NULL && strcmp(root, "/") != 0;
	return 0;
}

int mounts_parse(struct mounted **ret, FILE *f)
{
	struct libmnt_table *table = table_parse(f);
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct mounted *list = NULL;
	struct libmnt_fs *fs;
	int err = table != NULL && iter != NULL ? 0 : -EIO;

	while (err == 0 && mnt_table_next_fs(table, iter, &fs) == 0) {
		uid_t owner;
		const char *vault = vault_of(fs, &owner);

		if (vault != NULL)
			err = add(&list, fs, vault, owner);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	if (err != 0)
		mounts_free(list);
	else
		*ret = list;
	return err;
}

int mounts_read(struct mounted **ret)
{
	FILE *f = fopen(mountinfo, "re");
	int err = f != NULL ? mounts_parse(ret, f) : -errno;

	if (f != NULL)
		(void)fclose(f);
	return err;
}

const struct mounted *mounts_at(const struct mounted *list, const char *dir)
{
	while (list != NULL && strcmp(list->dir, dir) != 0)
		list = list->next;
	return list;
}

const struct mounted *mounts_with(const struct mounted *list, int id)
{
	while (list != NULL && list->id != id)
		list = list->next;
	return list;
}

const struct mounted *mounts_of(const struct mounted *list, const char *path)
{
	/* Whoever may mount can give a mount any vault's name. */
	while (list != NULL && (list->owner != geteuid() || list->is_part ||
				strcmp(list->vault, path) != 0))
		list = list->next;
	return list;
}

/* Is path dir, or in it? */
static bool is_within(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/' || strcmp(dir, "/") == 0);
}

/*
 * Does other hide m: mounted on its root, or after it on a folder above it?
 */
static bool hides(struct libmnt_fs *other, struct libmnt_fs *m, bool is_later)
{
	const char *over = mnt_fs_get_target(other), *at = mnt_fs_get_target(m);

	if (over == NULL || at == NULL)
		return false;
	if (mnt_fs_get_parent_id(other) == mnt_fs_get_id(m))
		return strcmp(over, at) == 0;
	return is_later &&
	       mnt_fs_get_parent_id(other) == mnt_fs_get_parent_id(m) &&
	       is_within(at, over);
}

/* Does any mount of table hide m? */
static bool is_hidden(struct libmnt_table *table, struct libmnt_iter *iter,
		      struct libmnt_fs *m)
{
	struct libmnt_fs *fs;
	bool later = false, found = false;

	mnt_reset_iter(iter, MNT_ITER_FORWARD);
	while (mnt_table_next_fs(table, iter, &fs) == 0) {
		found = found || (fs != m && hides(fs, m, later));
		later = later || fs == m;
	}
	return found;
}

int mounts_find_in(char **ret, FILE *f, int id)
{
	struct libmnt_table *table = table_parse(f);
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs, *ours = NULL;
	int err = table != NULL && iter != NULL ? -ENOENT : -EIO;

	while (err != -EIO && mnt_table_next_fs(table, iter, &fs) == 0)
		if (mnt_fs_get_id(fs) == id && mnt_fs_get_target(fs) != NULL)
			ours = fs;
	if (ours != NULL)
		err = is_hidden(table, iter, ours) ? -EBUSY : 0;
	if (err == 0)
		*ret = strdup(mnt_fs_get_target(ours));
	if (err == 0 && *ret == NULL)
		err = -ENOMEM;
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return err;
}

int mounts_find(char **ret, int id)
{
	FILE *f = fopen(mountinfo, "re");
	int err = f != NULL ? mounts_find_in(ret, f, id) : -errno;

	if (f != NULL)
		(void)fclose(f);
	return err;
}

/* Is that line, or its beginning, of the mount? */
static bool is_line_of(const char *line, int id, dev_t dev)
{
	unsigned major_number, minor_number;
	int number;

	return sscanf(line, "%d %*d %u:%u", &number, &major_number,
		      &minor_number) == 3 &&
	       number == id && makedev(major_number, minor_number) == dev;
}

static bool is_listed(int id, dev_t dev)
{
	FILE *f = fopen(mountinfo, "re");
	char part[512];
	bool found = false, starts = true;

	if (f == NULL)
		return true;
	/* Each line begins with an id, and may be longer than a part. */
	while (!found && fgets(part, sizeof(part), f) != NULL) {
		found = starts && is_line_of(part, id, dev);
		starts = strchr(part, '\n') != NULL;
	}
	found = found || ferror(f) != 0;
	(void)fclose(f);
	return found;
}

bool mounts_have(int id, dev_t dev)
{
	/* What is missing while others come and go may only have been passed
	 * over. */
	return is_listed(id, dev) || is_listed(id, dev);
}

/* Is fs another's, and in the mount with that id, or in a part of it there? */
static bool is_guest(struct libmnt_table *table, struct libmnt_fs *fs, int id,
		     dev_t dev)
{
	enum { DEPTH_MAX = 64 }; /* the root of all may be its own parent */
	int depth = 0;

	if (mnt_fs_get_devno(fs) == dev)
		return false;
	do
		fs = table_find(table, mnt_fs_get_parent_id(fs));
	while (fs != NULL && mnt_fs_get_id(fs) != id &&
	       mnt_fs_get_devno(fs) == dev && depth++ < DEPTH_MAX);
	return fs != NULL && mnt_fs_get_id(fs) == id;
}

bool mounts_is_busy_in(FILE *f, int id, dev_t dev)
{
	struct libmnt_table *table = table_parse(f);
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	bool found = table == NULL || iter == NULL;

	while (!found && mnt_table_next_fs(table, iter, &fs) == 0)
		found = is_guest(table, fs, id, dev);
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return found;
}

bool mounts_is_busy(int id, dev_t dev)
{
	FILE *f = fopen(mountinfo, "re");
	const bool busy = f != NULL && mounts_is_busy_in(f, id, dev);

	if (f != NULL)
		(void)fclose(f);
	return busy;
}

void mounts_free(struct mounted *list)
{
	while (list != NULL) {
		struct mounted *next = list->next;

		free(list->dir);
		free(list->type);
		free(list->source);
		free(list->vault);
		free(list);
		list = next;
	}
}
