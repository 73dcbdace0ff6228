/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_size_t locked;

void *pages_lock(size_t bytes, size_t align)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t span = bytes + align + 2 * page;
	uint8_t *map, *body, *end;

	if (span < bytes)
		return NULL;
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
	if (mprotect(body, bytes, PROT_READ | PROT_WRITE) != 0 ||
	    madvise(body, bytes, MADV_DONTDUMP) != 0 ||
	    madvise(body, bytes, MADV_DONTFORK) != 0 ||
	    mlock(body, bytes) != 0) {
		(void)munmap(body - page, bytes + 2 * page);
		return NULL;
	}
	atomic_fetch_add(&locked, bytes);
	return body;
}

void pages_free(void *body, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	atomic_fetch_sub(&locked, bytes);
	(void)munmap((uint8_t *)body - page, bytes + 2 * page);
}

size_t pages_locked(void)
{
	return atomic_load(&locked);
}
