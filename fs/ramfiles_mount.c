/* SPDX-License-Identifier: MIT */
/*
 * The filesystem itself, made by descriptors (fsopen(2), Linux 5.2): no path is
 * mounted that somebody might exchange, and what is filled is what was made.
 */
#include "ramfiles_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char prefix[] = "tazpodfs:";

enum { SOURCE_MAX = 255 };

char *ramfiles_source(uint32_t uid, const char *vault)
{
	char *source;

	return asprintf(&source, "%s%u:%s", prefix, uid, vault) >= 0 ? source
								     : NULL;
}

const char *ramfiles_vault(uint32_t *uid, const char *source)
{
	char *end;
	unsigned long n;

	if (strncmp(source, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	source += sizeof(prefix) - 1;
	errno = 0;
	n = strtoul(source, &end, 10);
	if (errno != 0 || end == source || end[0] != ':' || end[1] != '/' ||
	    source[0] < '0' || source[0] > '9' || n >= UINT32_MAX)
		return NULL;
	*uid = (uint32_t)n;
	return end + 1;
}

static int set(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) == 0 ? 0
								     : -errno;
}

static int set_number(int fs, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return set(fs, key, text);
}

static int set_source(int fs, const char *vault)
{
	char *source = ramfiles_source(geteuid(), vault);
	int err = source != NULL ? 0 : -ENOMEM;

	/* The kernel takes no longer one, and says no more than EINVAL. */
	if (err == 0 && strlen(source) > SOURCE_MAX)
		err = -ENAMETOOLONG;
	if (err == 0)
		err = set(fs, "source", source);
	free(source);
	return err;
}

/* Options of a tmpfs; it is not swapped out since Linux 6.4, if that is asked
 * for by who may. */
static int set_tmpfs(struct ramfiles *r, int fs,
		     const struct ramfiles_options *o)
{
	int err = set_number(fs, "size", o->size);

	if (err == 0)
		err = set_number(fs, "nr_inodes", o->nr_inodes);
	r->is_swappable =
		fsconfig(fs, FSCONFIG_SET_FLAG, "noswap", NULL, 0) != 0;
	return err;
}

/* Is what was made what was asked for, and empty of everything else? */
static int check(struct ramfiles *r, bool is_ramfs)
{
	struct statfs fs;
	struct statx mount;
	struct stat st;

	if (fstatfs(r->root, &fs) != 0 || fstat(r->root, &st) != 0)
		return -errno;
	if (fs.f_type != (is_ramfs ? RAMFS_MAGIC : TMPFS_MAGIC))
		return -ENOTSUP;
	r->dev = st.st_dev;
	r->mount_id = -1;
	if (statx(r->root, "", AT_EMPTY_PATH, STATX_MNT_ID, &mount) == 0 &&
	    (mount.stx_mask & STATX_MNT_ID) != 0)
		r->mount_id = (int)mount.stx_mnt_id;
	return 0;
}

int ramfiles_make(struct ramfiles *r, const struct ramfiles_options *o)
{
	const unsigned attributes =
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME |
		(o->executable ? 0U : (unsigned)MOUNT_ATTR_NOEXEC);
	int fs = fsopen(o->is_ramfs ? "ramfs" : "tmpfs", FSOPEN_CLOEXEC);
	int err = fs < 0 ? -errno : set_source(fs, o->source);

	if (err == 0)
		err = set(fs, "mode", "0700");
	if (err == 0 && !o->is_ramfs)
		err = set_tmpfs(r, fs, o);
	if (err == 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
		err = -errno;
	if (err == 0) {
		r->root = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
		err = r->root >= 0 ? check(r, o->is_ramfs) : -errno;
	}
	if (fs >= 0)
		(void)close(fs);
	return err;
}

static int set_attributes(int mount, struct mount_attr *attr)
{
	return mount_setattr(mount, "", AT_EMPTY_PATH, attr, sizeof(*attr)) == 0
		       ? 0
		       : -errno;
}

/*
 * What stays with us is a copy of the mount that is in no namespace: it keeps
 * the filesystem when the other has been unmounted, and does not keep anybody
 * from that.
 */
static int copy_mount(int mount)
{
	int copy = open_tree(mount, "",
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				     (unsigned)AT_EMPTY_PATH);
	/* What others mount in theirs must not hide files in ours. */
	struct mount_attr ours = {.attr_clr = MOUNT_ATTR_RDONLY,
				  .propagation = MS_PRIVATE};
	int err = copy >= 0 ? set_attributes(copy, &ours) : -errno;

	if (err == 0)
		return copy;
	if (copy >= 0)
		(void)close(copy);
	return err;
}

/*
 * Locks for reading can be had on a folder, and none that they are in the way
 * of.
 */
static const struct flock sign = {.l_whence = SEEK_SET,
				  .l_start = 0x7a70, /* nobody else's */
				  .l_len = 1};

static int give_sign(struct ramfiles *r)
{
	struct flock lock = sign;

	lock.l_type = F_RDLCK;
	r->sign = openat(r->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r->sign >= 0 && fcntl(r->sign, F_OFD_SETLK, &lock) == 0 ? 0
								       : -errno;
}

bool ramfiles_is_guarded(const char *path)
{
	struct flock lock = sign;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool guarded;

	/* Whether it could be had for writing may be asked all the same. */
	lock.l_type = F_WRLCK;
	guarded = fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) != 0 ||
		  lock.l_type != F_UNLCK;
	if (fd >= 0)
		(void)close(fd);
	return guarded;
}

/* Keep a copy of the mount that is attached, and say that it is kept. */
static int copy_guarded(struct ramfiles *r)
{
	int copy = copy_mount(r->root), attached = r->root, err;

	if (copy < 0)
		return copy;
	r->root = copy;
	err = give_sign(r);
	if (err != 0) {
		r->root = attached;
		(void)close(copy);
		return err;
	}
	(void)close(attached);
	return 0;
}

int ramfiles_attach(struct ramfiles *r, int dir)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	char path[32];
	int err = r->read_only ? set_attributes(r->root, &read_only) : 0;

	if (err == 0 &&
	    move_mount(r->root, "", dir, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
		err = -errno;
	if (err != 0)
		return err;
	err = copy_guarded(r);
	if (err == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", r->root);
	(void)umount2(path, MNT_DETACH);
	return err;
}
