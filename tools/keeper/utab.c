/* SPDX-License-Identifier: MIT */
#include "utab.h"

#include <errno.h>
#include <libmount.h>
#include <stddef.h>

/* Put fs into the table, or, if it is NULL, take dir out. */
static int update(struct libmnt_fs *fs, const char *dir)
{
	struct libmnt_update *u = mnt_new_update();
	int err = -ENOMEM;

	if (u != NULL)
		err = mnt_update_set_fs(u, 0, fs == NULL ? dir : NULL, fs);
	/* 1: such a mount needs no entry. */
	if (err == 0)
		err = mnt_update_table(u, NULL);
	mnt_free_update(u);
	return err > 0 ? -EINVAL : err;
}

int utab_add(const char *type, const char *source, const char *dir)
{
	struct libmnt_fs *fs = mnt_new_fs();
	int err = -ENOMEM;

	if (fs != NULL && mnt_fs_set_source(fs, source) == 0 &&
	    mnt_fs_set_target(fs, dir) == 0 &&
	    mnt_fs_set_fstype(fs, type) == 0 &&
	    mnt_fs_set_options(fs, "helper=tazpodfs") == 0)
		err = update(fs, dir);
	mnt_unref_fs(fs);
	return err;
}

void utab_remove(const char *dir)
{
	(void)update(NULL, dir);
}
