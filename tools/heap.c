/* SPDX-License-Identifier: MIT */
/*
 * The malloc(3) family of our programs, on the memory of crypto/mem.h: so what
 * libfuse, libarchive, libcrypto, ISA-L and the C library allocate is locked as
 * well, and leaves nothing behind when it is freed.  It replaces the C
 * library's by its names, as glibc's manual allows ("Replacing malloc").
 *
 * Sanitizers bring a malloc of their own; a build without protection has the C
 * library's.
 */
#include "crypto/mem.h"
#include "crypto/poison.h"

#if !defined(WITH_ASAN) && !defined(WITH_TSAN) && !defined(TZ_UNPROTECTED)

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { ALIGN = 16 };

EXPORT void *malloc(size_t size)
{
	return mem_heap(ALIGN, size);
}

EXPORT void free(void *p)
{
	/* free(3) leaves errno as it was. */
	int before = errno;

	mem_free(p);
	errno = before;
}

EXPORT void *calloc(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return mem_heap(ALIGN, bytes);
}

EXPORT void *realloc(void *p, size_t size)
{
	if (p == NULL)
		return mem_heap(ALIGN, size);
	if (size == 0) {
		mem_free(p);
		return NULL;
	}
	return mem_realloc(p, size);
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
	return mem_heap(align, size);
}

EXPORT void *memalign(size_t align, size_t size)
{
	return mem_heap(align, size);
}

EXPORT int posix_memalign(void **ret, size_t align, size_t size)
{
	int before = errno;
	void *p;

	if (align < sizeof(void *) || (align & (align - 1)) != 0)
		return EINVAL;
	p = mem_heap(align, size);
	errno = before;
	if (p == NULL)
		return ENOMEM;
	*ret = p;
	return 0;
}

EXPORT void *valloc(size_t size)
{
	return mem_heap((size_t)sysconf(_SC_PAGESIZE), size);
}

EXPORT void *pvalloc(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return mem_heap(page, (size + page - 1) / page * page);
}

EXPORT size_t malloc_usable_size(void *p)
{
	return p != NULL ? mem_usable(p) : 0;
}

#endif
