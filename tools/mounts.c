/* SPDX-License-Identifier: MIT */
#include "mounts.h"

#include <errno.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>

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
	while (list != NULL && strcmp(list->vault, path) != 0)
		list = list->next;
	return list;
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
