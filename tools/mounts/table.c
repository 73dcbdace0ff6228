/* SPDX-License-Identifier: MIT */
#include "table.h"

struct libmnt_table *table_parse(FILE *f)
{
	struct libmnt_table *t = f != NULL ? mnt_new_table() : NULL;

	if (t != NULL && mnt_table_parse_stream(t, f, "mountinfo") != 0) {
		mnt_unref_table(t);
		t = NULL;
	}
	return t;
}

struct libmnt_fs *table_find(struct libmnt_table *t, int id)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs, *found = NULL;

	while (iter != NULL && mnt_table_next_fs(t, iter, &fs) == 0)
		if (mnt_fs_get_id(fs) == id)
			found = fs;
	mnt_free_iter(iter);
	return found;
}
