/* SPDX-License-Identifier: MIT */
#include "machine_mounts.h"

#include "tools/keeper/bounded.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Longer than any list of options here. */
enum { DATA_MAX = 128 };

/*
 * What a child tries, in memory that it shares with us.  It allocates nothing:
 * of a hardened heap it would have none.
 */
struct tries {
	bool userns;   /* in a user namespace of its own */
	bool detached; /* no mount namespace can be had: see detached() */
	uid_t uid;
	gid_t gid;
	int fuse, noswap, tmpfs, ramfs;
};

enum { FUSE_MAJOR = 10, FUSE_MINOR = 229 }; /* Linux, devices.txt */

int machine_mounts_device(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	/* What hides a device is often /dev/null, bound over it. */
	if (fstat(fd, &st) != 0)
		err = -errno;
	else if (!S_ISCHR(st.st_mode) ||
		 st.st_rdev != makedev(FUSE_MAJOR, FUSE_MINOR))
		err = -ENODEV;
	if (err == 0)
		return fd;
	(void)close(fd);
	return err;
}

/* Write "id id 1" or a word to one of our files in /proc.  0 or -errno. */
static int tell(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	(void)close(fd);
	return err;
}

/* Be in a user namespace as who we are.  0 or -errno. */
static int become(uid_t uid, gid_t gid)
{
	char text[64];
	int err;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return -errno;
	(void)snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	err = tell("/proc/self/uid_map", text);
	if (err != 0)
		return err;
	/* Linux before 3.19 has no such file, and needs none. */
	err = tell("/proc/self/setgroups", "deny");
	if (err != 0 && err != -ENOENT)
		return err;
	(void)snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	return tell("/proc/self/gid_map", text);
}

/*
 * May we mount where we are?  Without a type, mount(2) ends with EINVAL as soon
 * as it knows that we may.
 */
static bool may_mount(void)
{
	return mount("none", "/", NULL, 0, NULL) != 0 && errno == EINVAL;
}

/*
 * Be in a mount namespace of which nobody hears.  That one can be made does not
 * tell that we may mount where we are.
 */
static int leave(void)
{
	if (!may_mount())
		return -EPERM;
	return unshare(CLONE_NEWNS) == 0 ? 0 : -errno;
}

/* Tell fd, of fsopen(2), each option of data, "a=b,c".  0 or -errno. */
static int configure(int fd, const char *data)
{
	char copy[DATA_MAX], *rest = copy, *word;

	(void)snprintf(copy, sizeof(copy), "%s", data);
	while ((word = strsep(&rest, ",")) != NULL) {
		char *value = strchr(word, '=');

		if (value != NULL)
			*value++ = '\0';
		if (fsconfig(fd,
			     value != NULL ? FSCONFIG_SET_STRING
					   : FSCONFIG_SET_FLAG,
			     word, value, 0) != 0)
			return -errno;
	}
	return fsconfig(fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0 ? 0
								     : -errno;
}

/*
 * A mount that is attached nowhere.  That tells a little less than one that
 * is: some security modules mind only these.
 */
static int detached(const char *type, const char *data)
{
	int fd = fsopen(type, FSOPEN_CLOEXEC), mount_fd, err;

	if (fd < 0)
		return -errno;
	err = configure(fd, data);
	if (err == 0) {
		mount_fd = fsmount(fd, FSMOUNT_CLOEXEC, 0);
		if (mount_fd < 0)
			err = -errno;
		else
			(void)close(mount_fd);
	}
	(void)close(fd);
	return err;
}

/* Mount over the root, where we never look.  0 or -errno. */
static int try(const struct tries *t, const char *type, const char *data)
{
	if (t->detached)
		return detached(type, data);
	return mount("tazpod", "/", type, MS_NOSUID | MS_NODEV | MS_NOEXEC,
		     data) == 0
		       ? 0
		       : -errno;
}

static int try_fuse(const struct tries *t)
{
	int fd = machine_mounts_device(), err;
	char data[DATA_MAX];

	if (fd < 0)
		return fd;
	(void)snprintf(data, sizeof(data),
		       "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fd,
		       t->uid, t->gid);
	err = try(t, "fuse", data);
	(void)close(fd);
	return err;
}

/* bounded_fn of a child: fill in a struct tries. */
static int child(void *ctx, int fd)
{
	struct tries *t = ctx;
	int err = t->userns ? become(t->uid, t->gid) : leave();

	(void)fd;
	/* A root that is no mount point, in a chroot, cannot be made private.
	 */
	if (err == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		err = -errno;
	/* Who may not make a namespace may be allowed to mount all the same. */
	t->detached = err != 0 && !t->userns && may_mount();
	if (t->detached)
		err = 0;
	t->tmpfs = err == 0 ? try(t, "tmpfs", "size=64k,mode=700") : err;
	t->noswap =
		err == 0 ? try(t, "tmpfs", "size=64k,mode=700,noswap") : err;
	t->ramfs = err == 0 ? try(t, "ramfs", "mode=700") : err;
	t->fuse = err == 0 ? try_fuse(t) : err;
	return 0;
}

/* Have a child try.  What it does not get to is -ETIMEDOUT or -ECHILD. */
static struct tries let_try(bool userns)
{
	struct tries got = {.userns = userns,
			    .uid = geteuid(),
			    .gid = getegid(),
			    .fuse = 1,
			    .noswap = 1,
			    .tmpfs = 1,
			    .ramfs = 1};
	struct tries *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int *const all[] = {&got.fuse, &got.noswap, &got.tmpfs, &got.ramfs};
	int err = -ENOMEM;

	if (t != MAP_FAILED) {
		*t = got;
		err = bounded_call(child, t, -1);
		got = *t;
		(void)munmap(t, sizeof(*t));
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (*all[i] > 0)
			*all[i] = err < 0 ? err : -ECHILD;
	return got;
}

void machine_mounts_probe(struct machine *m)
{
	struct tries t;
	int fd = machine_mounts_device();

	m->err_device = fd < 0 ? fd : 0;
	if (fd >= 0)
		(void)close(fd);
	t = let_try(false);
	m->err_fuse = t.fuse;
	m->err_noswap = t.noswap;
	m->err_tmpfs = t.tmpfs;
	m->err_ramfs = t.ramfs;
	t = let_try(true);
	/* A limit of AppArmor's lets it be made, and then mount nothing. */
	m->err_userns = t.ramfs != 0 && t.tmpfs != 0 ? t.ramfs : 0;
	m->err_userns_fuse = t.fuse;
	m->err_userns_tmpfs = t.tmpfs;
	m->err_userns_ramfs = t.ramfs;
}
