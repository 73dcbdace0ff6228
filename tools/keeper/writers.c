/* SPDX-License-Identifier: MIT */
#include "writers.h"

#include "tools/mounts/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* The whole filesystem, through whatever mount. */
static int set_filesystem(int root, bool read_only)
{
	int fs = fspick(root, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC), err = 0;

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_SET_FLAG, read_only ? "ro" : "rw", NULL, 0) !=
		    0 ||
	    fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) != 0)
		err = -errno;
	(void)close(fs);
	return err;
}

/* The mount at dir, if it is of that filesystem. */
static void close_mount(const char *dir, dev_t dev)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	int fd = open(dir, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_dev == dev)
		(void)mount_setattr(fd, "", AT_EMPTY_PATH, &read_only,
				    sizeof(read_only));
	(void)close(fd);
}

/* All that there are here, wherever they have been moved or bound to. */
static void close_mounts(int root)
{
	struct mounted *list = NULL;
	struct stat st;

	if (fstat(root, &st) != 0 || mounts_read(&list) != 0)
		return;
	for (const struct mounted *m = list; m != NULL; m = m->next)
		if (m->dev == st.st_dev)
			close_mount(m->dir, st.st_dev);
	mounts_free(list);
}

int writers_restrict(int root, enum ramfiles_writers who)
{
	switch (who) {
	case RAMFILES_NOBODY:
		return set_filesystem(root, true);
	case RAMFILES_US:
		/* In this order, nobody else can write in between. */
		close_mounts(root);
		return set_filesystem(root, false);
	case RAMFILES_ALL:
		return set_filesystem(root, false);
	}
	return -EINVAL;
}
