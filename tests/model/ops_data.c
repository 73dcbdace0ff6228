/* SPDX-License-Identifier: MIT */
/* Operations on descriptors, contents and mappings. */
#include "ops.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

long run_open(struct side *s, const struct op *o)
{
	/* An end of a FIFO must not wait for the other one. */
	int fd = openat(base_fd(s, o->base), o->path,
			o->flags | O_NONBLOCK | O_CLOEXEC, o->mode);

	if (fd < 0)
		return -errno;
	if (s->fd[o->fd] >= 0)
		(void)close(s->fd[o->fd]);
	s->fd[o->fd] = fd;
	return 0;
}

long run_close(struct side *s, const struct op *o)
{
	long err = result(close(s->fd[o->fd]));

	s->fd[o->fd] = -1;
	return err;
}

static long shown(struct side *s, ssize_t n)
{
	if (n > 0)
		s->len = (size_t)n;
	return result(n);
}

long run_read(struct side *s, const struct op *o)
{
	return shown(s, read(s->fd[o->fd], s->data, o->len));
}

/*
 * What is written to a FIFO is the kernel's affair alone, and of FUSE's FIFOs
 * it moves no times (S_NOCMTIME in fuse_iget()).
 */
static bool is_fifo(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

long run_write(struct side *s, const struct op *o)
{
	if (is_fifo(s->fd[o->fd]))
		return 0;
	op_fill(o, s->data, o->len);
	return result(write(s->fd[o->fd], s->data, o->len));
}

long run_pread(struct side *s, const struct op *o)
{
	return shown(s, pread(s->fd[o->fd], s->data, o->len, o->off));
}

long run_pwrite(struct side *s, const struct op *o)
{
	op_fill(o, s->data, o->len);
	return result(pwrite(s->fd[o->fd], s->data, o->len, o->off));
}

static bool is_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size : -1;
}

/* As msync(2) or fsync(2), but the vault is not sealed. */
static long write_back(int fd)
{
	return result(sync_file_range(fd, 0, 0,
				      SYNC_FILE_RANGE_WAIT_BEFORE |
					      SYNC_FILE_RANGE_WRITE |
					      SYNC_FILE_RANGE_WAIT_AFTER));
}

long run_lseek(struct side *s, const struct op *o)
{
	int fd = s->fd[o->fd];

	/* Places in folders are the file system's own. */
	if (!is_regular(fd))
		return 0;
	if (o->flags != SEEK_DATA && o->flags != SEEK_HOLE)
		return result(lseek(fd, o->off, o->flags));
	/* In a relaxed epoch holes are elsewhere. */
	if (!o->exact)
		return 0;
	/* fuse_lseek() of Linux asks without writing back what was written
	 * through a mapping. */
	(void)write_back(fd);
	return result(lseek(fd, o->off, o->flags));
}

long run_truncate(struct side *s, const struct op *o)
{
	struct stat st;

	if (fchdir(base_fd(s, o->base)) != 0)
		return -errno;
	/* To the size that it has: tmpfs moves no times then, though POSIX
	 * wants it to, as ftruncate(2) does. */
	if (stat(o->path, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == o->off)
		return 0;
	return result(truncate(o->path, o->off));
}

long run_ftruncate(struct side *s, const struct op *o)
{
	return result(ftruncate(s->fd[o->fd], o->off));
}

/* tmpfs has no FALLOC_FL_ZERO_RANGE. */
static long zero_range(int fd, bool keep, off_t off, off_t len)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	long err = result(fallocate(fd, punch, off, len));

	if (err != 0 || keep)
		return err;
	return result(fallocate(fd, 0, off, len));
}

long run_fallocate(struct side *s, const struct op *o)
{
	int fd = s->fd[o->fd];

	if (s->reference && (o->flags & FALLOC_FL_ZERO_RANGE))
		return zero_range(fd, o->flags & FALLOC_FL_KEEP_SIZE, o->off,
				  (off_t)o->len);
	return result(fallocate(fd, o->flags, o->off, (off_t)o->len));
}

long run_copy(struct side *s, const struct op *o)
{
	off_t from = o->off, to = o->off2;

	return result(copy_file_range(s->fd[o->fd], &from, s->fd[o->fd2], &to,
				      o->len, 0));
}

long run_fsync(struct side *s, const struct op *o)
{
	return result(fsync(s->fd[o->fd]));
}

long run_unmap(struct side *s, const struct op *o)
{
	struct mapping *m = &s->map[o->map];

	if (m->at == NULL)
		return 0;
	(void)munmap(m->at, MAP_LEN);
	(void)close(m->fd);
	*m = (struct mapping){.fd = -1};
	return 0;
}

long run_map(struct side *s, const struct op *o)
{
	struct mapping m = {.protection = o->flags};
	uint8_t *at;

	/* One window in ten is not the first. */
	if (o->seed % 10 == 0)
		m.off = model_windows[o->seed / 10 % model_window_count];
	at = mmap(NULL, MAP_LEN, m.protection, MAP_SHARED, s->fd[o->fd], m.off);
	if (at == MAP_FAILED)
		return -errno;
	(void)run_unmap(s, o);
	m.at = at;
	m.fd = dup(s->fd[o->fd]);
	s->map[o->map] = m;
	return 0;
}

/* What of the operation's range is in the mapping and in the file. */
static size_t map_range(const struct mapping *m, const struct op *o,
			size_t *start)
{
	off_t off = o->off < 0 ? 0 : o->off % MAP_LEN, end;
	struct stat st;

	*start = (size_t)off;
	if (m->at == NULL || fstat(m->fd, &st) != 0)
		return 0;
	end = off + (off_t)o->len;
	if (end > MAP_LEN)
		end = MAP_LEN;
	if (end > st.st_size - m->off)
		end = st.st_size - m->off;
	return end > off ? (size_t)(end - off) : 0;
}

long run_map_read(struct side *s, const struct op *o)
{
	const struct mapping *m = &s->map[o->map];
	size_t start, len = map_range(m, o, &start);

	if (len == 0 || !(m->protection & PROT_READ))
		return 0;
	memcpy(s->data, m->at + start, len);
	s->len = len;
	return (long)len;
}

long run_map_write(struct side *s, const struct op *o)
{
	const struct mapping *m = &s->map[o->map];
	size_t start, len = map_range(m, o, &start);
	long err;

	if (len == 0 || !(m->protection & PROT_WRITE))
		return 0;
	op_fill(o, s->data, len);
	memcpy(m->at + start, s->data, len);
	/* msync(2) proper seals the vault: a few are enough. */
	if (o->seed % 64 == 0)
		err = result(msync(m->at, MAP_LEN, MS_SYNC));
	else
		err = write_back(m->fd);
	/* Only the first write to a page moves times on tmpfs, on FUSE every
	 * writing back: now they have moved on both. */
	return err != 0 ? err : result(ftruncate(m->fd, size_of(m->fd)));
}
