/* SPDX-License-Identifier: MIT */
/* What is in a body, found and read; nothing is changed here. */
#include "body_impl.h"

#include <string.h>

size_t body_slot_find(const struct body *b, uint64_t index)
{
	size_t low = 0, high = b->count;

	/* Files mostly grow at their end. */
	if (high > 0 && b->slots->at[high - 1].index < index)
		return high;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (b->slots->at[mid].index < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct extent *body_extent_at(const struct body *b, uint64_t index)
{
	size_t i = body_slot_find(b, index);

	if (i < b->count && b->slots->at[i].index == index)
		return b->slots->at[i].extent;
	return NULL;
}

/* Fill buf with the n bytes at at of e, which may be none at all. */
static int extent_read(struct extent *e, size_t at, uint8_t *buf, size_t n)
{
	size_t have = e != NULL && e->bytes.size > at ? e->bytes.size - at : 0;

	if (have > n)
		have = n;
	memset(buf + have, 0, n - have);
	return have > 0 ? cold_read(&e->bytes, at, buf, have) : 0;
}

int body_read(const struct body *b, uint64_t off, uint8_t *buf, size_t len)
{
	int err = 0;

	while (err == 0 && len > 0) {
		size_t n = body_part(off, len);

		err = extent_read(body_extent_at(b, off / BODY_EXTENT),
				  off % BODY_EXTENT, buf, n);
		off += n;
		buf += n;
		len -= n;
	}
	return err;
}

uint64_t body_next_data(const struct body *b, uint64_t off)
{
	size_t i = body_slot_find(b, off / BODY_EXTENT);

	for (; i < b->count; i++) {
		uint64_t start = b->slots->at[i].index * BODY_EXTENT;
		unsigned page =
			off > start ? (unsigned)((off - start) / BODY_PAGE) : 0;

		for (; page < BODY_EXTENT / BODY_PAGE; page++) {
			uint64_t at = start + (uint64_t)page * BODY_PAGE;

			if (b->slots->at[i].extent->pages & 1u << page)
				return at > off ? at : off;
		}
	}
	return UINT64_MAX;
}

uint64_t body_next_hole(const struct body *b, uint64_t off, uint64_t limit)
{
	size_t i = body_slot_find(b, off / BODY_EXTENT);

	for (; i < b->count && off < limit; i++) {
		const struct body_slot *s = &b->slots->at[i];
		unsigned page = (unsigned)(off % BODY_EXTENT / BODY_PAGE);

		if (s->index != off / BODY_EXTENT)
			break;
		for (; page < BODY_EXTENT / BODY_PAGE; page++) {
			if ((s->extent->pages & 1u << page) == 0)
				return off < limit ? off : limit;
			off += BODY_PAGE - off % BODY_PAGE;
		}
	}
	return off < limit ? off : limit;
}

uint64_t body_stored(const struct body *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->count; i++)
		n += b->slots->at[i].extent->share;
	return n;
}

uint64_t body_data(const struct body *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->count; i++) {
		uint16_t pages = b->slots->at[i].extent->pages;

		n += (uint64_t)__builtin_popcount(pages) * BODY_PAGE;
	}
	return n;
}

uint64_t body_stamp(const struct body *b, uint64_t off)
{
	const struct extent *e = body_extent_at(b, off / BODY_EXTENT);

	return e != NULL ? e->stamp : 0;
}
