/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include "protect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret /* Linux 5.14; the same number everywhere */
#define SYS_memfd_secret 447
#endif

static atomic_size_t mapped[PAGES_KINDS];

size_t pages_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Lock bytes at body, and keep them out of dumps and children. */
static int lock(void *body, size_t bytes)
{
	if (madvise(body, bytes, MADV_DONTDUMP) != 0 ||
	    madvise(body, bytes, MADV_DONTFORK) != 0)
		return -errno;
	/* EPERM and EAGAIN mean the same: mlock(2). */
	return mlock(body, bytes) == 0 ? 0 : -ENOMEM;
}

/*
 * Put secret memory over bytes at body.  -ENOSYS if there is none to be had
 * on this machine; it is left out of dumps, and locked, by its nature.
 */
static int put_secret(void *body, size_t bytes)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC), err = 0;
	void *p;

	/* Filters of containers say EPERM to what they do not know. */
	if (fd < 0)
		return errno == EPERM ? -ENOSYS : -errno;
	if (ftruncate(fd, (off_t)bytes) != 0) {
		err = -errno;
	} else {
		p = mmap(body, bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0);
		if (p == MAP_FAILED || madvise(body, bytes, MADV_DONTFORK) != 0)
			err = -errno;
	}
	(void)close(fd);
	return err;
}

/* Make the inaccessible bytes at body memory of *kind. */
static int put(void *body, size_t bytes, enum pages_kind *kind)
{
	int err = *kind == PAGES_SECRET ? put_secret(body, bytes) : -ENOSYS;

	if (*kind == PAGES_SECRET && err != -ENOSYS)
		return err;
	if (*kind == PAGES_SECRET)
		*kind = PAGES_LOCKED;
	if (mprotect(body, bytes, PROT_READ | PROT_WRITE) != 0)
		return -errno;
	return *kind == PAGES_LOCKED ? lock(body, bytes) : 0;
}

void *pages_map(size_t bytes, size_t align, enum pages_kind *kind)
{
	size_t page = pages_size();
	size_t span = bytes + align + 2 * page;
	uint8_t *map, *body, *end;

	if (span < bytes)
		return NULL;
	if (!PROTECT)
		*kind = PAGES_PLAIN;
	map = mmap(NULL, span, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	body = (uint8_t *)(((uintptr_t)map + page + align - 1) &
			   ~(uintptr_t)(align - 1));
	end = body + bytes + page;
	if (body - page > map)
		(void)munmap(map, (size_t)(body - page - map));
	if (map + span > end)
		(void)munmap(end, (size_t)(map + span - end));
	if (put(body, bytes, kind) != 0) {
		(void)munmap(body - page, bytes + 2 * page);
		return NULL;
	}
	atomic_fetch_add(&mapped[*kind], bytes);
	return body;
}

void pages_unmap(void *body, size_t bytes, enum pages_kind kind)
{
	size_t page = pages_size();

	atomic_fetch_sub(&mapped[kind], bytes);
	(void)munmap((uint8_t *)body - page, bytes + 2 * page);
}

int pages_lock(void *body, size_t bytes)
{
	int err = lock(body, bytes);

	if (err != 0)
		return err;
	atomic_fetch_sub(&mapped[PAGES_PLAIN], bytes);
	atomic_fetch_add(&mapped[PAGES_LOCKED], bytes);
	return 0;
}

size_t pages_bytes(enum pages_kind kind)
{
	return atomic_load(&mapped[kind]);
}
