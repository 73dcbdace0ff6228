/* SPDX-License-Identifier: MIT */
#ifndef TZ_BODY_IMPL_H
#define TZ_BODY_IMPL_H

/* What body.c and body_look.c share. */

#include "body.h"

/* The first slot whose index is not below index. */
size_t body_slot_find(const struct body *b, uint64_t index);

/* The extent of that index, or NULL. */
struct extent *body_extent_at(const struct body *b, uint64_t index);

/* The part of len bytes at off that lies in the extent of off. */
static inline size_t body_part(uint64_t off, uint64_t len)
{
	size_t n = BODY_EXTENT - off % BODY_EXTENT;

	return n < len ? n : (size_t)len;
}

#endif
