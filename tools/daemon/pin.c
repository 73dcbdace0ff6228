/* SPDX-License-Identifier: MIT */
#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct pin {
	int parent; /* of the mount point */
	int root;   /* of the mount, held; or -1 */
	int mount_id;
	char name[NAME_MAX + 1]; /* of the mount point in its parent */
};

int pin_new(struct pin **ret, const char *dir, int mount_id)
{
	const char *slash = strrchr(dir, '/');
	struct pin *p = calloc(1, sizeof(*p));
	char *parent;
	int err;

	if (p == NULL)
		return -ENOMEM;
	p->root = p->parent = -1;
	p->mount_id = mount_id;
	parent = slash != NULL ? strndup(dir, (size_t)(slash - dir) + 1) : NULL;
	errno = ENAMETOOLONG;
	if (parent != NULL && snprintf(p->name, sizeof(p->name), "%s",
				       slash + 1) <= (int)NAME_MAX)
		p->parent = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	err = -errno;
	free(parent);
	if (p->parent < 0) {
		free(p);
		return err;
	}
	*ret = p;
	return 0;
}

bool pin_is_in(int fd, int mount_id, dev_t dev)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID,
		     &st) == 0 &&
	       (st.stx_mask & STATX_MNT_ID) != 0 &&
	       st.stx_mnt_id == (uint64_t)mount_id &&
	       (dev == 0 || makedev(st.stx_dev_major, st.stx_dev_minor) == dev);
}

int pin_open_root(const char *dir, int mount_id, dev_t dev)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (pin_is_in(fd, mount_id, dev))
		return fd;
	(void)close(fd);
	return -ENOENT;
}

/*
 * Open it without asking the filesystem that the mount point is on, which may
 * hang: the kernel knows the mount point by heart, and if that filesystem wants
 * to be asked all the same, it goes without.  A descriptor or -1.
 */
static int open_cached(const struct pin *p)
{
	enum { ATTEMPTS = 4 }; /* a rename anywhere may come between */
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_CACHED,
	};
	long fd = -1;

	errno = EAGAIN;
	for (int i = 0; i < ATTEMPTS && fd < 0 && errno == EAGAIN; i++)
		fd = syscall(SYS_openat2, p->parent, p->name, &how,
			     sizeof(how));
	return (int)fd;
}

void pin_hold(struct pin *p)
{
	if (p == NULL || p->root >= 0)
		return;
	p->root = open_cached(p);
	if (p->root >= 0 && !pin_is_in(p->root, p->mount_id, 0))
		pin_release(p);
}

void pin_release(struct pin *p)
{
	if (p == NULL || p->root < 0)
		return;
	(void)close(p->root);
	p->root = -1;
}

void pin_free(struct pin *p)
{
	if (p == NULL)
		return;
	pin_release(p);
	(void)close(p->parent);
	free(p);
}
