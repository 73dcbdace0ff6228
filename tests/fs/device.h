/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FS_DEVICE_H
#define TZ_TESTS_FS_DEVICE_H

/*
 * A file whose system calls are noted, and what a power cut may make of it.
 *
 * The calls themselves go to a memfd, which is what programs see.  Beside it
 * are kept the bytes that an fsync has made durable, and what was asked for
 * since, in small units: a sector of a write, a change of length.  A cut keeps
 * any of these and drops the others; where they overlap, the order stays.  A
 * write behind the end has a unit for the length that it brings, too.
 */

#include "common.h"
#include "crypto/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DISK_MAX = 64 << 10, UNITS_MAX = 512, CALLS_MAX = 128 };

/* What a disk holds, or could. */
struct disk {
	uint8_t data[DISK_MAX]; /* zero behind len */
	size_t len;
};

struct unit {
	size_t off, len; /* len 0: the file's length becomes off */
	bool grows;	 /* ... only if it is shorter */
	uint8_t data[512];
};

static struct {
	bool armed;
	int fd;
	size_t sector; /* at most 512: what is written whole or not at all */
	struct disk durable;
	struct unit units[UNITS_MAX];
	unsigned count;		      /* of units, since the last fsync */
	unsigned calls;		      /* in all */
	unsigned fail_at, fail_until; /* these fail: [at, until), from 1 on */
	int err;	      /* errno; 0: they do half of what they should */
	const char *failed;   /* the last one that did */
	unsigned lie_at;      /* this call, an fsync, says 0 and does nothing */
	void (*before)(void); /* called before each */
} device;

static inline void disk_resize(struct disk *d, size_t len)
{
	assert_true(len <= DISK_MAX);
	if (len < d->len)
		memset(d->data + len, 0, d->len - len);
	d->len = len;
}

static inline void disk_apply(struct disk *d, const struct unit *u)
{
	size_t n = u->len;

	if (n == 0) {
		if (!u->grows || u->off > d->len)
			disk_resize(d, u->off);
		return;
	}
	/* Of data behind the end nothing is seen. */
	if (u->off >= d->len)
		return;
	if (n > d->len - u->off)
		n = d->len - u->off;
	memcpy(d->data + u->off, u->data, n);
}

static inline void note(size_t off, const uint8_t *p, size_t len, bool grows)
{
	struct unit *u = &device.units[device.count++];

	assert_true(device.count <= UNITS_MAX && off + len <= DISK_MAX);
	*u = (struct unit){.off = off, .len = len, .grows = grows};
	if (len > 0)
		memcpy(u->data, p, len);
}

static inline void note_write(size_t off, const uint8_t *p, size_t len)
{
	const size_t end = off + len;

	while (off < end) {
		size_t n = device.sector - off % device.sector;

		n = n < end - off ? n : end - off;
		note(off + n, NULL, 0, true);
		note(off, p, n, false);
		off += n;
		p += n;
	}
}

/* Is this call to fail?  errno is set then. */
static inline bool is_due(const char *name)
{
	if (!device.armed)
		return false;
	if (device.before != NULL)
		device.before();
	device.calls++;
	assert_true(device.calls < CALLS_MAX);
	if (device.calls < device.fail_at || device.calls >= device.fail_until)
		return false;
	device.failed = name;
	if (device.err != 0)
		errno = device.err;
	return true;
}

ssize_t pwrite(int fd, const void *p, size_t len, off_t off)
{
	if (is_due("pwrite")) {
		if (device.err != 0)
			return -1;
		len = (len + 1) / 2;
	}
	if (device.armed)
		note_write((size_t)off, p, len);
	return syscall(SYS_pwrite64, fd, p, len, off);
}

int ftruncate(int fd, off_t len)
{
	if (is_due("ftruncate") && device.err != 0)
		return -1;
	if (device.armed)
		note((size_t)len, NULL, 0, false);
	return (int)syscall(SYS_ftruncate, fd, len);
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	if (is_due("fallocate") && device.err != 0)
		return -1;
	return (int)syscall(SYS_fallocate, fd, mode, off, len);
}

int fsync(int fd)
{
	if (is_due("fsync") && device.err != 0)
		return -1;
	if (device.armed) {
		for (unsigned i = 0;
		     i < device.count && device.calls != device.lie_at; i++)
			disk_apply(&device.durable, &device.units[i]);
		device.count = 0;
	}
	return (int)syscall(SYS_fsync, fd);
}

/* What is not waiting to be written is read from the disk again. */
int posix_fadvise(int fd, off_t off, off_t len, int advice)
{
	(void)advice;
	if (device.armed && device.count == 0 &&
	    (size_t)off + (size_t)len <= device.durable.len)
		(void)syscall(SYS_pwrite64, fd, device.durable.data + off, len,
			      off);
	return 0;
}

/* The file has these bytes, all of them durable; no call fails. */
static inline void device_start(const uint8_t *p, size_t len)
{
	if (device.fd <= 0)
		device.fd = memfd_create("device", MFD_CLOEXEC);
	assert_true(device.fd > 0 && len <= DISK_MAX);
	device.armed = false;
	assert_int_equal(ftruncate(device.fd, 0), 0);
	assert_int_equal(pwrite(device.fd, p, len, 0), len);
	memset(&device.durable, 0, sizeof(device.durable));
	if (len > 0)
		memcpy(device.durable.data, p, len);
	device.durable.len = len;
	device.count = device.calls = 0;
	device.fail_at = device.fail_until = device.lie_at = 0;
	device.failed = NULL;
	device.before = NULL;
	if (device.sector == 0)
		device.sector = 512;
	device.armed = true;
}

/* What programs see of the file.  The caller frees its data. */
static inline struct blob device_read(void)
{
	struct blob b = {0};
	struct stat st;

	assert_int_equal(fstat(device.fd, &st), 0);
	b.len = (size_t)st.st_size;
	b.data = blob_alloc(b.len + 1);
	assert_non_null(b.data);
	assert_int_equal(pread(device.fd, b.data, b.len, 0), b.len);
	return b;
}

/* What a power cut leaves if the units in keep survive it. */
static inline void device_cut(struct disk *ret, const bool keep[])
{
	*ret = device.durable;
	for (unsigned i = 0; i < device.count; i++) {
		if (keep[i])
			disk_apply(ret, &device.units[i]);
	}
}

#endif
