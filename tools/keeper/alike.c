/* SPDX-License-Identifier: MIT */
#include "alike.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* One attribute: nothing is longer. */
struct value {
	ssize_t len; /* negative: there is none */
	char data[XATTR_SIZE_MAX];
};

struct values {
	struct value a, b;
	char names[XATTR_LIST_MAX];
};

static int get(struct value *v, int fd, const char *name)
{
	v->len = fgetxattr(fd, name, v->data, sizeof(v->data));
	return v->len >= 0 || errno == ENODATA || errno == EOPNOTSUPP ? 0
								      : -errno;
}

/* Make one attribute of to what it is in from. */
static int copy_one(struct values *v, int to, int from, const char *name)
{
	int err = get(&v->a, from, name);

	if (err == 0)
		err = get(&v->b, to, name);
	if (err != 0 || (v->a.len == v->b.len &&
			 (v->a.len < 0 ||
			  memcmp(v->a.data, v->b.data, (size_t)v->a.len) == 0)))
		return err;
	if (v->a.len < 0)
		err = fremovexattr(to, name);
	else
		err = fsetxattr(to, name, v->a.data, (size_t)v->a.len, 0);
	return err == 0 ? 0 : -errno;
}

/* The same for all that of has. */
static int copy_names(struct values *v, int to, int from, int of)
{
	ssize_t len = flistxattr(of, v->names, sizeof(v->names));
	int err = len >= 0 || errno == EOPNOTSUPP ? 0 : -errno;

	for (const char *name = v->names;
	     err == 0 && len > 0 && name < v->names + len;
	     name += strlen(name) + 1)
		err = copy_one(v, to, from, name);
	return err;
}

/* Its parent may have given it some. */
static int copy_attributes(int to, int from)
{
	struct values *v = malloc(sizeof(*v));
	int err = v != NULL ? copy_names(v, to, from, to) : -ENOMEM;

	if (err == 0)
		err = copy_names(v, to, from, from);
	free(v);
	return err;
}

/* Do both have the same flags, encryption among them, and quota? */
static bool has_same_flags(int a, int b)
{
	struct fsxattr xa = {0}, xb = {0};
	int fa = 0, fb = 0;

	return ioctl(a, FS_IOC_GETFLAGS, &fa) ==
		       ioctl(b, FS_IOC_GETFLAGS, &fb) &&
	       ioctl(a, FS_IOC_FSGETXATTR, &xa) ==
		       ioctl(b, FS_IOC_FSGETXATTR, &xb) &&
	       fa == fb && xa.fsx_xflags == xb.fsx_xflags &&
	       xa.fsx_projid == xb.fsx_projid;
}

static int copy(int to, int from)
{
	struct stat st, now;
	int err = fstat(from, &st) == 0 ? 0 : -errno;

	if (err == 0 && fchown(to, st.st_uid, st.st_gid) != 0)
		err = -errno;
	if (err == 0)
		err = copy_attributes(to, from);
	if (err == 0 && fchmod(to, st.st_mode & 07777) != 0)
		err = -errno;
	if (err == 0 && fstat(to, &now) != 0)
		err = -errno;
	/* A mode may lose bits that its owner may not set. */
	if (err == 0 && (now.st_uid != st.st_uid || now.st_gid != st.st_gid ||
			 now.st_mode != st.st_mode || now.st_dev != st.st_dev ||
			 !has_same_flags(to, from)))
		err = -EOPNOTSUPP;
	if (err == 0 &&
	    futimens(to, (struct timespec[]){st.st_atim, st.st_mtim}) != 0)
		err = -errno;
	return err;
}

int alike_make(int parent, const char *name, int like)
{
	enum { FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC };
	int to = openat(parent, name, FLAGS | O_NOFOLLOW), from = -1, err;

	if (to >= 0)
		from = openat(like, ".", FLAGS);
	err = from >= 0 ? copy(to, from) : -errno;
	if (to >= 0)
		(void)close(to);
	if (from >= 0)
		(void)close(from);
	return err;
}
