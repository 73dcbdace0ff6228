/* SPDX-License-Identifier: MIT */
/* The C library's calls on names: see io_data.c. */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS

#include "io_impl.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);
char *__realpath_chk(const char *path, char *buf, size_t room);

static int open_call(struct io_call *c, mode_t mode)
{
	if (!io_enter(c))
		return -1;
	return (int)io_leave(
		c, syscall(SYS_openat, c->fd, c->path, c->flags, mode));
}

/* The mode behind flags, if there is one. */
#define OPEN_MODE(mode, flags)                                                 \
	do {                                                                   \
		va_list args;                                                  \
                                                                               \
		va_start(args, flags);                                         \
		mode = (flags & (O_CREAT | O_TMPFILE)) != 0                    \
			       ? va_arg(args, mode_t)                          \
			       : 0;                                            \
		va_end(args);                                                  \
	} while (0)

int open(const char *path, int flags, ...)
{
	IO_CALL(c, IO_OPEN, AT_FDCWD, .path = path, .flags = flags);
	mode_t mode;

	OPEN_MODE(mode, flags);
	return open_call(&c, mode);
}

int open64(const char *path, int flags, ...) IO_ALIAS("open");

int __open_2(const char *path, int flags)
{
	IO_CALL(c, IO_OPEN, AT_FDCWD, .path = path, .flags = flags);

	return open_call(&c, 0);
}

int __open64_2(const char *path, int flags) IO_ALIAS("__open_2");

int openat(int dir, const char *path, int flags, ...)
{
	IO_CALL(c, IO_OPEN, dir, .path = path, .flags = flags);
	mode_t mode;

	OPEN_MODE(mode, flags);
	return open_call(&c, mode);
}

int openat64(int dir, const char *path, int flags, ...) IO_ALIAS("openat");

int __openat_2(int dir, const char *path, int flags)
{
	IO_CALL(c, IO_OPEN, dir, .path = path, .flags = flags);

	return open_call(&c, 0);
}

int __openat64_2(int dir, const char *path, int flags) IO_ALIAS("__openat_2");

int creat(const char *path, mode_t mode)
{
	IO_CALL(c, IO_OPEN, AT_FDCWD, .path = path,
		.flags = O_CREAT | O_WRONLY | O_TRUNC);

	return open_call(&c, mode);
}

int creat64(const char *path, mode_t mode) IO_ALIAS("creat");

static int stat_call(struct io_call *c, struct stat *st)
{
	if (!io_enter(c))
		return -1;
	return (int)io_leave(
		c, syscall(SYS_newfstatat, c->fd, c->path, st, c->flags));
}

int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	IO_CALL(c, IO_LOOK, dir, .path = path, .flags = flags);

	return stat_call(&c, st);
}

int fstatat64(int dir, const char *path, struct stat64 *st, int flags)
	IO_ALIAS("fstatat");

int stat(const char *path, struct stat *st)
{
	IO_CALL(c, IO_LOOK, AT_FDCWD, .path = path);

	return stat_call(&c, st);
}

int stat64(const char *path, struct stat64 *st) IO_ALIAS("stat");

int lstat(const char *path, struct stat *st)
{
	IO_CALL(c, IO_LOOK, AT_FDCWD, .path = path,
		.flags = AT_SYMLINK_NOFOLLOW);

	return stat_call(&c, st);
}

int lstat64(const char *path, struct stat64 *st) IO_ALIAS("lstat");

int statx(int dir, const char *path, int flags, unsigned mask, struct statx *st)
{
	IO_CALL(c, IO_LOOK, dir, .path = path);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c,
			     syscall(SYS_statx, dir, path, flags, mask, st));
}

int faccessat(int dir, const char *path, int mode, int flags)
{
	IO_CALL(c, IO_LOOK, dir, .path = path);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c,
			     syscall(SYS_faccessat2, dir, path, mode, flags));
}

int access(const char *path, int mode)
{
	IO_CALL(c, IO_LOOK, AT_FDCWD, .path = path);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c, syscall(SYS_faccessat, c.fd, path, mode));
}

ssize_t readlinkat(int dir, const char *path, char *buf, size_t room)
{
	IO_CALL(c, IO_LOOK, dir, .path = path);

	if (!io_enter(&c))
		return -1;
	return io_leave(&c, syscall(SYS_readlinkat, dir, path, buf, room));
}

ssize_t readlink(const char *path, char *buf, size_t room)
{
	return readlinkat(AT_FDCWD, path, buf, room);
}

char *realpath(const char *path, char *buf)
{
	IO_CALL(c, IO_LOOK, AT_FDCWD, .path = path);
	char *(*real)(const char *, char *);
	char *p;

	io_real(&real, "realpath");
	if (!io_enter(&c))
		return NULL;
	p = real(path, buf);
	(void)io_leave(&c, p != NULL ? 0 : -1);
	return p;
}

char *__realpath_chk(const char *path, char *buf, size_t room)
{
	(void)room;
	return realpath(path, buf);
}

static int rename_call(struct io_call *c)
{
	if (!io_enter(c))
		return -1;
	return (int)io_leave(c, syscall(SYS_renameat2, c->fd, c->path,
					c->other_fd, c->other, c->flags));
}

int rename(const char *from, const char *to)
{
	IO_CALL(c, IO_RENAME, AT_FDCWD, .path = from, .other = to);

	return rename_call(&c);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	IO_CALL(c, IO_RENAME, AT_FDCWD, .path = from, .other = to);

	c.fd = from_dir;
	c.other_fd = to_dir;
	return rename_call(&c);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to,
	      unsigned flags)
{
	IO_CALL(c, IO_RENAME, AT_FDCWD, .path = from, .other = to);

	c.fd = from_dir;
	c.other_fd = to_dir;
	c.flags = (int)flags;
	return rename_call(&c);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to,
	   int flags)
{
	IO_CALL(c, IO_LINK, AT_FDCWD, .path = from, .other = to,
		.flags = flags);

	c.fd = from_dir;
	c.other_fd = to_dir;
	if (!io_enter(&c))
		return -1;
	return (int)io_leave(
		&c, syscall(SYS_linkat, from_dir, from, to_dir, to, flags));
}

int link(const char *from, const char *to)
{
	IO_CALL(c, IO_LINK, AT_FDCWD, .path = from, .other = to);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(
		&c, syscall(SYS_linkat, c.fd, from, c.other_fd, to, 0));
}

int unlinkat(int dir, const char *path, int flags)
{
	IO_CALL(c, flags == 0 ? IO_UNLINK : IO_STRANGE, dir, .path = path);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c, syscall(SYS_unlinkat, dir, path, flags));
}

int unlink(const char *path)
{
	IO_CALL(c, IO_UNLINK, AT_FDCWD, .path = path);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c, syscall(SYS_unlinkat, c.fd, path, 0));
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	IO_CALL(c, IO_STRANGE, dir, .path = path);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c, syscall(SYS_mkdirat, dir, path, mode));
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int symlinkat(const char *target, int dir, const char *path)
{
	IO_CALL(c, IO_STRANGE, dir, .path = path);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c, syscall(SYS_symlinkat, target, dir, path));
}

int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	IO_CALL(c, IO_LOOK, dir, .path = path);

	(void)flags;
	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c, syscall(SYS_fchmodat, dir, path, mode));
}

int fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
	IO_CALL(c, IO_LOOK, dir, .path = path);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c,
			     syscall(SYS_fchownat, dir, path, uid, gid, flags));
}

DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? fdopendir(fd) : NULL;
}
