/* SPDX-License-Identifier: MIT */
#ifndef TZ_PAGES_H
#define TZ_PAGES_H

/* Locked pages from the kernel, for mem.c to cut up. */

#include <stddef.h>

/*
 * Map bytes, a multiple of the page size, at a multiple of align, a power of
 * two: zero, locked (mlock(2)), left out of core dumps and of forked children,
 * between two guard pages.  NULL if any of that cannot be had.
 */
void *pages_lock(size_t bytes, size_t align);

/* Give such a mapping back.  It is wiped already, or holds no secret. */
void pages_free(void *body, size_t bytes);

/* Bytes locked at present, guard pages not counted. */
size_t pages_locked(void);

#endif
