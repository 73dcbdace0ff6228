/* SPDX-License-Identifier: MIT */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Put a mount before *list. */
static int add(struct mounted **list, struct libmnt_fs *fs)
{
	struct mounted *m = calloc(1, sizeof(*m));
	char *value;
	size_t len;

	if (m == NULL)
		return -ENOMEM;
	m->next = *list;
	*list = m;
	m->dev = mnt_fs_get_devno(fs);
	if (mnt_fs_get_option(fs, "user_id", &value, &len) == 0)
		m->owner = (uid_t)strtoul(value, NULL, 10);
	m->dir = strdup(mnt_fs_get_target(fs));
	m->vault = strdup(mnt_fs_get_source(fs));
	return m->dir != NULL && m->vault != NULL ? 0 : -ENOMEM;
}

int mounts_read(struct mounted **ret)
{
	struct libmnt_table *table =
		mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct mounted *list = NULL;
	struct libmnt_fs *fs;
	int err = table != NULL && iter != NULL ? 0 : -EIO;

	while (err == 0 && mnt_table_next_fs(table, iter, &fs) == 0) {
		const char *type = mnt_fs_get_fstype(fs);

		if (type != NULL && strcmp(type, "fuse.tazpodfs") == 0 &&
		    mnt_fs_get_target(fs) != NULL &&
		    mnt_fs_get_source(fs) != NULL)
			err = add(&list, fs);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	if (err != 0)
		mounts_free(list);
	else
		*ret = list;
	return err;
}

const struct mounted *mounts_at(const struct mounted *list, const char *dir)
{
	while (list != NULL && strcmp(list->dir, dir) != 0)
		list = list->next;
	return list;
}

const struct mounted *mounts_of(const struct mounted *list, const char *path)
{
	/* Whoever may mount can give a mount any vault's name. */
	while (list != NULL &&
	       (list->owner != geteuid() || strcmp(list->vault, path) != 0))
		list = list->next;
	return list;
}

int mounts_find(char **ret, dev_t dev)
{
	struct mounted *list = NULL;
	const struct mounted *m;
	struct statx st;
	int err = mounts_read(&list);

	if (err != 0)
		return err;
	for (m = list; m != NULL && m->dev != dev; m = m->next)
		continue;
	/* What is known already is enough: nobody may be there to answer. */
	if (m == NULL)
		err = -ENOENT;
	else if (statx(AT_FDCWD, m->dir,
		       AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT |
			       AT_SYMLINK_NOFOLLOW,
		       STATX_TYPE, &st) != 0 ||
		 makedev(st.stx_dev_major, st.stx_dev_minor) != dev)
		err = -EBUSY;
	*ret = err == 0 ? strdup(m->dir) : NULL;
	if (err == 0 && *ret == NULL)
		err = -ENOMEM;
	mounts_free(list);
	return err;
}

void mounts_free(struct mounted *list)
{
	while (list != NULL) {
		struct mounted *next = list->next;

		free(list->dir);
		free(list->vault);
		free(list);
		list = next;
	}
}
