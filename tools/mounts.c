/* SPDX-License-Identifier: MIT */
#include "mounts.h"

#include <errno.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>

static int add(struct mounts *m, struct libmnt_fs *fs)
{
	struct mounted *list, *new;
	char *value;
	size_t len;

	list = realloc(m->list, (m->count + 1) * sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	m->list = list;
	new = &list[m->count++];
	*new = (struct mounted){
		.dir = strdup(mnt_fs_get_target(fs)),
		.vault = strdup(mnt_fs_get_source(fs)),
		.dev = mnt_fs_get_devno(fs),
	};
	if (mnt_fs_get_option(fs, "user_id", &value, &len) == 0)
		new->owner = (uid_t)strtoul(value, NULL, 10);
	return new->dir != NULL &&new->vault != NULL ? 0 : -ENOMEM;
}

int mounts_read(struct mounts *ret)
{
	struct libmnt_table *table =
		mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	struct mounts m = {0};
	int err = table != NULL && iter != NULL ? 0 : -EIO;

	while (err == 0 && mnt_table_next_fs(table, iter, &fs) == 0) {
		const char *type = mnt_fs_get_fstype(fs);

		if (type != NULL && strcmp(type, "fuse.tazpodfs") == 0 &&
		    mnt_fs_get_target(fs) != NULL &&
		    mnt_fs_get_source(fs) != NULL)
			err = add(&m, fs);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	if (err != 0)
		mounts_free(&m);
	else
		*ret = m;
	return err;
}

const struct mounted *mounts_at(const struct mounts *m, const char *dir)
{
	for (size_t i = m->count; i-- > 0;)
		if (strcmp(m->list[i].dir, dir) == 0)
			return &m->list[i];
	return NULL;
}

const struct mounted *mounts_of(const struct mounts *m, const char *path)
{
	for (size_t i = m->count; i-- > 0;)
		if (strcmp(m->list[i].vault, path) == 0)
			return &m->list[i];
	return NULL;
}

void mounts_free(struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->list[i].dir);
		free(m->list[i].vault);
	}
	free(m->list);
	*m = (struct mounts){0};
}
