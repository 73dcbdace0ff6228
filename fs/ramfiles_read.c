/* SPDX-License-Identifier: MIT */
/*
 * The contents of one file, whole.
 *
 * Where a lease can be had (fcntl(2), F_SETLEASE), nobody has the file open for
 * writing, nor mapped, and whoever wants to waits until it is given back: what
 * is read then is the file.  Else somebody may be writing to it, and it counts
 * if it has not changed for a moment, or if two readings of it are the same and
 * so are its times.
 */
#include "clock.h"
#include "ramfiles_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	QUIET_MS = 100, /* since the last change of what is open for writing */
	READINGS = 3,
};

static int set_size(struct ramfiles_file *f, uint64_t size)
{
	const struct attr attr = {.size = size};

	f->differs = true;
	return tree_setattr(f->tree, f->node, &attr, SET_SIZE);
}

/* There is a hole from off up to end: so let there be one. */
static int clear(struct ramfiles_file *f, uint64_t off, uint64_t end)
{
	const uint64_t size = f->node->attr.size;
	uint64_t data;

	if (end > size)
		end = size;
	if (off >= end)
		return 0;
	if (tree_seek(&data, f->node, off, SEEK_DATA) != 0 || data >= end)
		return 0;
	f->differs = true;
	return tree_zero(f->tree, f->node, off, end - off);
}

/* Is what the tree has at off just what is in buf? */
static bool is_there(struct ramfiles_file *f, uint64_t off, size_t len)
{
	return off + len <= f->node->attr.size &&
	       node_read(f->node, off, f->r->old, len) == (ssize_t)len &&
	       memcmp(f->r->old, f->r->buf, len) == 0;
}

/* One piece of data.  Its length, 0 at the end of the file, or -errno. */
static ssize_t take_piece(struct ramfiles_file *f, uint64_t off, size_t len)
{
	ssize_t got, done = 0;

	do
		got = pread(f->fd, f->r->buf, len, (off_t)off);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (got == 0 || is_there(f, off, (size_t)got))
		return got;
	f->differs = true;
	while (done < got) {
		ssize_t n = tree_write(f->tree, f->node, off + (uint64_t)done,
				       f->r->buf + done, (size_t)(got - done));

		if (n < 0)
			return n;
		done += n;
	}
	return got;
}

/* All data from off up to end, by the extents that a tree has. */
static int take_data(struct ramfiles_file *f, uint64_t off, uint64_t end)
{
	while (off < end) {
		uint64_t next = (off / RAMFILES_STEP + 1) * RAMFILES_STEP;
		ssize_t n = take_piece(
			f, off, (size_t)((next < end ? next : end) - off));

		/* It has been cut off: its times tell. */
		if (n <= 0)
			return (int)n;
		off += (uint64_t)n;
	}
	return 0;
}

/* Make the node what the file is, of so many bytes. */
static int take_all(struct ramfiles_file *f, uint64_t size)
{
	int err = f->node->attr.size > size ? set_size(f, size) : 0;

	for (uint64_t off = 0; err == 0 && off < size;) {
		off_t data = lseek(f->fd, (off_t)off, SEEK_DATA), hole;
		uint64_t from = data >= 0 && (uint64_t)data < size
					? (uint64_t)data
					: size;
		uint64_t to = size;

		hole = lseek(f->fd, (off_t)from, SEEK_HOLE);
		if (hole >= 0 && (uint64_t)hole < size)
			to = (uint64_t)hole;
		err = clear(f, off, from);
		if (err == 0)
			err = take_data(f, from, to);
		off = to > off ? to : size;
	}
	if (err == 0 && f->node->attr.size < size)
		err = set_size(f, size);
	return err;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	       ramfiles_is_same_time(&a->st_mtim, &b->st_mtim) &&
	       ramfiles_is_same_time(&a->st_ctim, &b->st_ctim);
}

/* Has it been left alone for a moment? */
static bool is_quiet(const struct stat *st)
{
	const int64_t ms = clock_since_ms(CLOCK_REALTIME, &st->st_ctim);

	/* A clock that was set back tells nothing. */
	return ms < 0 || ms >= QUIET_MS;
}

/* Read what others may be writing to, until two readings are the same. */
static int read_twice(struct ramfiles_file *f, struct stat *st)
{
	struct stat now = *st;
	bool differed = f->differs;
	int result = READ_TORN, err = 0;

	for (int i = 0; err == 0 && result == READ_TORN && i < READINGS; i++) {
		*st = now;
		f->differs = false;
		err = take_all(f, (uint64_t)st->st_size);
		if (err == 0 && fstat(f->fd, &now) != 0)
			err = -errno;
		if (i > 0 && !f->differs && is_same(st, &now))
			result = READ_DONE;
		differed = differed || f->differs;
	}
	f->differs = differed;
	return err != 0 ? err : result;
}

/*
 * While nobody can write to it.  If that takes too long, as when this process
 * was stopped, the kernel takes the lease away.
 */
static int read_leased(struct ramfiles_file *f, const struct stat *st)
{
	int err = take_all(f, (uint64_t)st->st_size);
	struct stat now;

	if (err == 0 && fstat(f->fd, &now) != 0)
		err = -errno;
	(void)fcntl(f->fd, F_SETLEASE, F_UNLCK);
	if (err != 0)
		return err;
	return is_same(st, &now) ? READ_DONE : READ_TORN;
}

static int read_unleased(struct ramfiles_file *f, struct stat *st,
			 bool is_patient)
{
	int result = READ_TORN;

	if (!is_patient || is_quiet(st))
		result = read_twice(f, st);
	return result == READ_TORN && !is_patient ? READ_DONE : result;
}

static int read_file(struct ramfiles_file *f, struct stat *st, bool is_patient)
{
	const bool leased = fcntl(f->fd, F_SETLEASE, F_RDLCK) == 0;
	int result = READ_TORN;

	if (fstat(f->fd, st) != 0)
		return -errno;
	if (leased)
		result = read_leased(f, st);
	return result == READ_TORN ? read_unleased(f, st, is_patient) : result;
}

static int open_failed(int err, const struct ramfiles_walk *walk)
{
	if (err == ENOENT || err == ELOOP || err == ENXIO)
		return READ_GONE;
	/* Somebody has a lease of it for writing, and is told to let go. */
	if (err == EWOULDBLOCK && walk->is_patient)
		return READ_TORN;
	return -err;
}

int ramfiles_read(struct ramfiles_file *f, struct stat *st,
		  const struct ramfiles_walk *walk)
{
	const ino_t ino = st->st_ino;
	int result = READ_GONE;

	/* What it is by now may be something that is not to be opened. */
	f->fd = openat(f->dir, f->name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			       O_CLOEXEC);
	if (f->fd < 0)
		return open_failed(errno, walk);
	if (fstat(f->fd, st) != 0)
		result = -errno;
	else if (S_ISREG(st->st_mode) && st->st_ino == ino)
		result = read_file(f, st, walk->is_patient);
	(void)close(f->fd);
	return result;
}
