/* SPDX-License-Identifier: MIT */
/*
 * The C library's calls on descriptors.  They stand before its own.  Names
 * with 64 are those of large files; with _chk, of fortified callers.
 */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS

#include "io_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t __pread_chk(int fd, void *buf, size_t len, off_t off, size_t room);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off_t off, size_t room);

ssize_t read(int fd, void *buf, size_t len)
{
	IO_CALL(c, IO_READ, fd, .len = len);

	if (!io_enter(&c))
		return -1;
	return io_leave(&c, syscall(SYS_read, fd, buf, c.len));
}

ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
	if (len > room)
		abort();
	return read(fd, buf, len);
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	IO_CALL(c, IO_READ, fd, .len = len);

	if (!io_enter(&c))
		return -1;
	return io_leave(&c, syscall(SYS_pread64, fd, buf, c.len, off));
}

ssize_t pread64(int fd, void *buf, size_t len, off_t off) IO_ALIAS("pread");

ssize_t __pread_chk(int fd, void *buf, size_t len, off_t off, size_t room)
{
	if (len > room)
		abort();
	return pread(fd, buf, len, off);
}

ssize_t __pread64_chk(int fd, void *buf, size_t len, off_t off, size_t room)
	IO_ALIAS("__pread_chk");

/* At off, or where the descriptor stands if that is -1. */
static ssize_t write_call(struct io_call *c)
{
	bool here = c->off < 0;

	if (!io_enter(c))
		return -1;
	if (!here)
		return io_leave(c, syscall(SYS_pwrite64, c->fd, c->data, c->len,
					   c->off));
	c->off = c->ours ? syscall(SYS_lseek, c->fd, 0, SEEK_CUR) : -1;
	return io_leave(c, syscall(SYS_write, c->fd, c->data, c->len));
}

ssize_t write(int fd, const void *buf, size_t len)
{
	IO_CALL(c, IO_WRITE, fd, .data = buf, .len = len, .off = -1);

	return write_call(&c);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	IO_CALL(c, IO_WRITE, fd, .data = buf, .len = len);

	c.off = off;
	return write_call(&c);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off_t off)
	IO_ALIAS("pwrite");

/* Pieces are put together, so that they can be written in part. */
static ssize_t write_pieces(struct io_call *c, const struct iovec *iov, int n)
{
	uint8_t *all, *end;
	ssize_t done;

	for (int i = 0; i < n; i++)
		c->len += iov[i].iov_len;
	all = end = malloc(c->len + 1);
	if (all == NULL)
		abort();
	for (int i = 0; i < n; i++)
		end = mempcpy(end, iov[i].iov_base, iov[i].iov_len);
	c->data = all;
	done = write_call(c);
	free(all);
	return done;
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	IO_CALL(c, IO_WRITE, fd, .off = -1);

	return write_pieces(&c, iov, n);
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	IO_CALL(c, IO_WRITE, fd);

	c.off = off;
	return write_pieces(&c, iov, n);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int n, off_t off)
	IO_ALIAS("pwritev");

ssize_t readv(int fd, const struct iovec *iov, int n)
{
	IO_CALL(c, IO_LOOK, fd);

	return io_enter(&c) ? io_leave(&c, syscall(SYS_readv, fd, iov, n)) : -1;
}

off_t lseek(int fd, off_t off, int whence)
{
	IO_CALL(c, IO_LOOK, fd);

	if (!io_enter(&c))
		return -1;
	return io_leave(&c, syscall(SYS_lseek, fd, off, whence));
}

off_t lseek64(int fd, off_t off, int whence) IO_ALIAS("lseek");

int fstat(int fd, struct stat *st)
{
	IO_CALL(c, IO_LOOK, fd);

	return io_enter(&c) ? (int)io_leave(&c, syscall(SYS_fstat, fd, st))
			    : -1;
}

int fstat64(int fd, struct stat64 *st) IO_ALIAS("fstat");

/* Punched holes and the like have no model. */
int fallocate(int fd, int mode, off_t off, off_t len)
{
	IO_CALL(c, mode == 0 ? IO_GROW : IO_STRANGE, fd, .len = (size_t)len);

	/* Space beyond the end of the file is nothing that can be read. */
	if (mode == FALLOC_FL_KEEP_SIZE)
		c.what = IO_LOOK;
	c.off = off;
	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c, syscall(SYS_fallocate, fd, mode, off, len));
}

int fallocate64(int fd, int mode, off_t off, off_t len) IO_ALIAS("fallocate");

/* It returns its error, and leaves errno alone. */
int posix_fallocate(int fd, off_t off, off_t len)
{
	IO_CALL(c, IO_GROW, fd, .len = (size_t)len);
	int before = errno, err = 0;

	c.off = off;
	if (!io_enter(&c) ||
	    io_leave(&c, syscall(SYS_fallocate, fd, 0, off, len)) != 0)
		err = errno;
	errno = before;
	return err;
}

int posix_fallocate64(int fd, off_t off, off_t len) IO_ALIAS("posix_fallocate");

int posix_fadvise(int fd, off_t off, off_t len, int advice)
{
	IO_CALL(c, IO_LOOK, fd);
	int before = errno, err = 0;

	if (!io_enter(&c) ||
	    io_leave(&c, syscall(SYS_fadvise64, fd, off, len, advice)) != 0)
		err = errno;
	errno = before;
	return err;
}

int posix_fadvise64(int fd, off_t off, off_t len, int advice)
	IO_ALIAS("posix_fadvise");

int ftruncate(int fd, off_t len)
{
	IO_CALL(c, IO_SIZE, fd, .len = (size_t)len);

	return io_enter(&c) ? (int)io_leave(&c, syscall(SYS_ftruncate, fd, len))
			    : -1;
}

int ftruncate64(int fd, off_t len) IO_ALIAS("ftruncate");

/* It begins to write, and promises nothing. */
int sync_file_range(int fd, off_t off, off_t len, unsigned flags)
{
	IO_CALL(c, IO_LOOK, fd);

	(void)off;
	(void)len;
	(void)flags;
	return io_enter(&c) ? (int)io_leave(&c, 0) : -1;
}

/* One that is ours does not wait: see io.h. */
static int sync_call(struct io_call *c, long number)
{
	if (!io_enter(c))
		return -1;
	return (int)io_leave(c, c->ours ? 0 : syscall(number, c->fd));
}

int fsync(int fd)
{
	IO_CALL(c, IO_SYNC, fd);

	return sync_call(&c, SYS_fsync);
}

int fdatasync(int fd)
{
	IO_CALL(c, IO_SYNC, fd);

	return sync_call(&c, SYS_fdatasync);
}

int syncfs(int fd)
{
	IO_CALL(c, IO_SYNC_ALL, fd);

	return sync_call(&c, SYS_syncfs);
}

int close(int fd)
{
	IO_CALL(c, IO_CLOSE, fd);

	return io_enter(&c) ? (int)io_leave(&c, syscall(SYS_close, fd)) : -1;
}

int fchown(int fd, uid_t uid, gid_t gid)
{
	IO_CALL(c, IO_LOOK, fd);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c, syscall(SYS_fchown, fd, uid, gid));
}

int fchmod(int fd, mode_t mode)
{
	IO_CALL(c, IO_LOOK, fd);

	return io_enter(&c) ? (int)io_leave(&c, syscall(SYS_fchmod, fd, mode))
			    : -1;
}

int flock(int fd, int operation)
{
	IO_CALL(c, IO_LOOK, fd);

	if (!io_enter(&c))
		return -1;
	return (int)io_leave(&c, syscall(SYS_flock, fd, operation));
}

int fcntl(int fd, int command, ...)
{
	IO_CALL(c,
		command == F_DUPFD || command == F_DUPFD_CLOEXEC ? IO_OPEN
								 : IO_LOOK,
		fd);
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	return io_enter(&c)
		       ? (int)io_leave(&c, syscall(SYS_fcntl, fd, command, arg))
		       : -1;
}

int fcntl64(int fd, int command, ...) IO_ALIAS("fcntl");

int dup(int fd)
{
	IO_CALL(c, IO_OPEN, fd);

	return io_enter(&c) ? (int)io_leave(&c, syscall(SYS_dup, fd)) : -1;
}

/* To read is to look; what is written through a mapping has no model. */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	bool writes = (prot & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0;
	IO_CALL(c, writes ? IO_STRANGE : IO_LOOK, fd);
	long p;

	if (!io_enter(&c))
		return MAP_FAILED;
	p = syscall(SYS_mmap, addr, len, prot, flags, fd, off);
	(void)io_leave(&c, p == -1 ? -1 : 0);
	return (void *)p;
}

void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
	IO_ALIAS("mmap");

ssize_t copy_file_range(int in, off_t *in_off, int out, off_t *out_off,
			size_t len, unsigned flags)
{
	IO_CALL(c, IO_STRANGE, out);

	return io_enter(&c)
		       ? io_leave(&c, syscall(SYS_copy_file_range, in, in_off,
					      out, out_off, len, flags))
		       : -1;
}

ssize_t sendfile(int out, int in, off_t *off, size_t len)
{
	IO_CALL(c, IO_STRANGE, out);

	if (!io_enter(&c))
		return -1;
	return io_leave(&c, syscall(SYS_sendfile, out, in, off, len));
}

ssize_t sendfile64(int out, int in, off_t *off, size_t len)
	IO_ALIAS("sendfile");

DIR *fdopendir(int fd)
{
	IO_CALL(c, IO_LOOK, fd);
	DIR *(*real)(int);
	DIR *d;

	io_real(&real, "fdopendir");
	if (!io_enter(&c))
		return NULL;
	d = real(fd);
	(void)io_leave(&c, d != NULL ? 0 : -1);
	return d;
}

/* NULL is the end if errno was left alone. */
struct dirent *readdir(DIR *d)
{
	IO_CALL(c, IO_LOOK, dirfd(d));
	struct dirent *(*real)(DIR *);
	struct dirent *e;

	io_real(&real, "readdir");
	if (!io_enter(&c))
		return NULL;
	e = real(d);
	(void)io_leave(&c, 0);
	return e;
}

struct dirent64 *readdir64(DIR *d) IO_ALIAS("readdir");

int closedir(DIR *d)
{
	IO_CALL(c, IO_LOOK, dirfd(d));
	int (*real)(DIR *);
	bool made = io_enter(&c);
	int err = errno, result;

	io_real(&real, "closedir");
	/* The descriptor is gone in any case; the C library closes it. */
	c.what = IO_CLOSE;
	result = (int)io_leave(&c, real(d));
	if (made)
		return result;
	errno = err;
	return -1;
}
