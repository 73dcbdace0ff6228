/* SPDX-License-Identifier: MIT */
#ifndef TZ_PAGES_H
#define TZ_PAGES_H

/* Pages from the kernel, for mem.c to cut up. */

#include <stddef.h>

enum pages_kind {
	PAGES_PLAIN,  /* ordinary memory: may be swapped, dumped and forked */
	PAGES_LOCKED, /* mlock(2); not in core dumps, not in forked children */
	PAGES_SECRET, /* memfd_secret(2): as that, and the kernel itself cannot
			 read it for anybody: not for root's debugger, nor for
			 a device */
	PAGES_KINDS,
};

/* The size of a page in bytes. */
size_t pages_size(void);

/*
 * Map bytes, a multiple of the page size, at a multiple of align, a power of
 * two: zero, and between two inaccessible guard pages.  *kind is what it is to
 * be; PAGES_SECRET becomes PAGES_LOCKED where the kernel has no such memory.
 * Secret pages take memory when they are first touched, the others at once.
 *
 * NULL if there is no memory, or no more may be locked.
 */
void *pages_map(size_t bytes, size_t align, enum pages_kind *kind);

/* Give such a mapping back.  It is wiped already, or holds no secret. */
void pages_unmap(void *body, size_t bytes, enum pages_kind kind);

/*
 * Make a mapping of PAGES_PLAIN one of PAGES_LOCKED, in place.  0, -ENOMEM if
 * no more may be locked, or another -errno.
 */
int pages_lock(void *body, size_t bytes);

/* Bytes mapped at present, guard pages not counted. */
size_t pages_bytes(enum pages_kind kind);

#endif
