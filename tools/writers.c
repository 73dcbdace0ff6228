/* SPDX-License-Identifier: MIT */
#include "writers.h"

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
static int set_mount(const char *dir, dev_t dev)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_dev == dev &&
	    mount_setattr(fd, "", AT_EMPTY_PATH, &read_only,
			  sizeof(read_only)) != 0)
		err = -errno;
	(void)close(fd);
	return err;
}

int writers_restrict(int root, const char *dir, dev_t dev,
		     enum ramfiles_writers who)
{
	switch (who) {
	case RAMFILES_NOBODY:
		return set_filesystem(root, true);
	case RAMFILES_US:
		/* In this order, nobody else can write in between. */
		(void)set_mount(dir, dev);
		return set_filesystem(root, false);
	case RAMFILES_ALL:
		return set_filesystem(root, false);
	}
	return -EINVAL;
}
