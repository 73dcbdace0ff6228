/* SPDX-License-Identifier: MIT */
#include "body.h"

#include "crypto/mem.h"

#include <errno.h>
#include <string.h>

/*
 * How much an extent holds that must hold need bytes: powers of two up to a
 * page, then few steps.  It depends on need alone, so a vault that fitted
 * while it was written fits when it is loaded.
 */
static uint32_t room_for(size_t need)
{
	static const uint32_t steps[] = {64,	128,   256,   512,   1024,
					 2048,	4096,  8192,  12288, 16384,
					 24576, 32768, 49152, 65536};
	size_t i = 0;

	while (steps[i] < need)
		i++;
	return steps[i];
}

/* The first slot whose index is not below index. */
static size_t slot_find(const struct body *b, uint64_t index)
{
	size_t low = 0, high = b->count;

	/* Files mostly grow at their end. */
	if (high > 0 && b->slots[high - 1].index < index)
		return high;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (b->slots[mid].index < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The bits of the pages that hold some of len bytes at at. */
static uint16_t pages_of(size_t at, size_t len)
{
	unsigned first = (unsigned)(at / BODY_PAGE);
	unsigned last = (unsigned)((at + len - 1) / BODY_PAGE);

	return len == 0 ? 0
			: (uint16_t)((2u << last) - 1) &
				  (uint16_t) ~((1u << first) - 1);
}

/* The bits of the pages that lie wholly in len bytes at at. */
static uint16_t pages_within(size_t at, size_t len)
{
	size_t first = (at + BODY_PAGE - 1) / BODY_PAGE * BODY_PAGE;
	size_t end = (at + len) / BODY_PAGE * BODY_PAGE;

	return end > first ? pages_of(first, end - first) : 0;
}

static struct extent *extent_at(const struct body *b, uint64_t index)
{
	size_t i = slot_find(b, index);

	if (i < b->count && b->slots[i].index == index)
		return b->slots[i].extent;
	return NULL;
}

void body_read(const struct body *b, uint64_t off, uint8_t *buf, size_t len)
{
	while (len > 0) {
		const struct extent *e = extent_at(b, off / BODY_EXTENT);
		size_t at = off % BODY_EXTENT;
		size_t n = BODY_EXTENT - at < len ? BODY_EXTENT - at : len;
		size_t have = e != NULL && e->room > at ? e->room - at : 0;

		if (have > n)
			have = n;
		if (have > 0)
			memcpy(buf, e->data + at, have);
		memset(buf + have, 0, n - have);
		buf += n;
		off += n;
		len -= n;
	}
}

int body_map(const struct body *b, uint64_t off, size_t len,
	     struct iovec iov[BODY_MAP_PIECES])
{
	static const uint8_t zeros[BODY_EXTENT];
	int count = 0;

	while (len > 0) {
		const struct extent *e = extent_at(b, off / BODY_EXTENT);
		size_t at = off % BODY_EXTENT;
		size_t n = BODY_EXTENT - at < len ? BODY_EXTENT - at : len;
		size_t have = e != NULL && e->room > at ? e->room - at : 0;

		if (have > n)
			have = n;
		if (have > 0)
			iov[count++] = (struct iovec){e->data + at, have};
		if (have < n)
			/* iovec has no const; nobody writes there. */
			iov[count++] = (struct iovec){(void *)(uintptr_t)zeros,
						      n - have};
		off += n;
		len -= n;
	}
	return count;
}

static void extent_put(struct extent *e)
{
	if (--e->refs > 0)
		return;
	mem_free(e->data);
	mem_free(e);
}

/* A new extent with room bytes, which start as those of old, if any. */
static struct extent *extent_new(uint32_t room, const struct extent *old)
{
	struct extent *e = mem_alloc(sizeof(*e));

	if (e == NULL)
		return NULL;
	e->refs = 1;
	e->room = room;
	e->data = mem_alloc(room);
	if (e->data == NULL) {
		mem_free(e);
		return NULL;
	}
	if (old != NULL) {
		e->pages = old->pages;
		e->share = old->share;
		memcpy(e->data, old->data, old->room < room ? old->room : room);
	}
	return e;
}

/* Make a slot for index at position i of the vector. */
static int slot_insert(struct body *b, size_t i, uint64_t index)
{
	if (b->count == b->room) {
		size_t room = b->room == 0 ? 1 : b->room * 2;
		struct body_slot *slots =
			mem_realloc(b->slots, room * sizeof(*slots));

		if (slots == NULL)
			return -ENOMEM;
		b->slots = slots;
		b->room = room;
	}
	memmove(&b->slots[i + 1], &b->slots[i],
		(b->count - i) * sizeof(*b->slots));
	b->slots[i] = (struct body_slot){index, NULL};
	b->count++;
	return 0;
}

static void slot_close(struct body *b, size_t i)
{
	b->count--;
	memmove(&b->slots[i], &b->slots[i + 1],
		(b->count - i) * sizeof(*b->slots));
}

/*
 * How much to allocate for slot i where share is needed: more, for what grows
 * by small pieces, or it would be copied once for each.
 */
static uint32_t room_ahead(const struct body *b, size_t i, uint32_t share)
{
	const struct body_slot *s = &b->slots[i], *before = s - 1;
	uint64_t room = share;

	if (s->extent != NULL)
		room = (uint64_t)s->extent->room * 2;
	else if (i > 0 && before->index == s->index - 1 &&
		 before->extent->room == BODY_EXTENT)
		room = s->index * BODY_EXTENT / 4;
	if (room > BODY_EXTENT)
		room = BODY_EXTENT;
	return room > share ? room_for((size_t)room) : share;
}

/* Put an extent of its own with room for share bytes into slot i. */
static int slot_renew(struct body *b, const struct quota *q, size_t i,
		      uint32_t share)
{
	struct extent *old = b->slots[i].extent, *e = NULL;

	if (old != NULL && old->room >= share)
		share = old->room;
	else if (q->ahead)
		e = extent_new(room_ahead(b, i, share), old);
	if (e == NULL)
		e = extent_new(share, old);
	if (e == NULL)
		return -ENOMEM;
	b->slots[i].extent = e;
	if (old != NULL)
		extent_put(old);
	return 0;
}

/*
 * Yield an extent at index that is b's own and has room for need bytes.  On
 * an error b is as it was.
 */
static int extent_own(struct extent **ret, struct body *b, struct quota *q,
		      uint64_t index, size_t need)
{
	size_t i = slot_find(b, index);
	bool present = i < b->count && b->slots[i].index == index;
	struct extent *e = present ? b->slots[i].extent : NULL;
	uint32_t had = e != NULL ? e->share : 0, share = room_for(need);
	int err = 0;

	if (share < had)
		share = had;
	if (q->limit - q->used < share - had)
		return -ENOSPC;
	if (!present)
		err = slot_insert(b, i, index);
	if (err == 0 && (e == NULL || e->refs > 1 || e->room < share))
		err = slot_renew(b, q, i, share);
	if (err != 0) {
		if (!present && i < b->count && b->slots[i].extent == NULL)
			slot_close(b, i);
		return err;
	}
	q->used += share - had;
	*ret = b->slots[i].extent;
	(*ret)->share = share;
	return 0;
}

ssize_t body_write(struct body *b, struct quota *q, uint64_t off,
		   const uint8_t *buf, size_t len)
{
	size_t done = 0;
	int err = 0;

	while (done < len) {
		size_t at = off % BODY_EXTENT;
		size_t n = BODY_EXTENT - at;
		struct extent *e;

		if (n > len - done)
			n = len - done;
		err = extent_own(&e, b, q, off / BODY_EXTENT, at + n);
		if (err != 0)
			break;
		memcpy(e->data + at, buf + done, n);
		e->pages |= pages_of(at, n);
		off += n;
		done += n;
	}
	return done > 0 ? (ssize_t)done : err;
}

static void slot_remove(struct body *b, struct quota *q, size_t i)
{
	q->used -= b->slots[i].extent->share;
	extent_put(b->slots[i].extent);
	slot_close(b, i);
}

/* Make len bytes at at of slot i a hole, which may end the slot. */
static int punch_slot(struct body *b, struct quota *q, size_t i, size_t at,
		      size_t len)
{
	struct extent *e = b->slots[i].extent;
	uint16_t left = e->pages & (uint16_t)~pages_within(at, len);
	int err;

	/* What has no room reads as zeros, and its pages may go with it. */
	if (at >= e->room || left == 0) {
		if (left == 0)
			slot_remove(b, q, i);
		else
			e->pages = left;
		return 0;
	}
	/* A place of its own first: a snapshot may see this one. */
	err = extent_own(&e, b, q, b->slots[i].index, 1);
	if (err != 0)
		return err;
	explicit_bzero(e->data + at, len < e->room - at ? len : e->room - at);
	e->pages = left;
	return 0;
}

int body_punch(struct body *b, struct quota *q, uint64_t off, uint64_t len)
{
	uint64_t end = len > UINT64_MAX - off ? UINT64_MAX : off + len;
	/* From behind, so that a slot that goes moves none still to come. */
	size_t i = slot_find(b, end / BODY_EXTENT + 1);

	while (i-- > 0) {
		uint64_t start = b->slots[i].index * BODY_EXTENT;
		uint64_t from = off > start ? off - start : 0;
		uint64_t to = end - start;
		int err;

		if (off >= start + BODY_EXTENT)
			break;
		if (to > BODY_EXTENT)
			to = BODY_EXTENT;
		err = from < to ? punch_slot(b, q, i, (size_t)from,
					     (size_t)(to - from))
				: 0;
		if (err != 0)
			return err;
	}
	return 0;
}

int body_truncate(struct body *b, struct quota *q, uint64_t size)
{
	return body_punch(b, q, size, UINT64_MAX - size);
}

int body_allocate(struct body *b, struct quota *q, uint64_t off, uint64_t len)
{
	while (len > 0) {
		size_t at = off % BODY_EXTENT;
		size_t n = BODY_EXTENT - at;
		struct extent *e;
		int err;

		if (n > len)
			n = (size_t)len;
		err = extent_own(&e, b, q, off / BODY_EXTENT, at + n);
		if (err != 0)
			return err;
		e->pages |= pages_of(at, n);
		off += n;
		len -= n;
	}
	return 0;
}

uint64_t body_next_data(const struct body *b, uint64_t off)
{
	size_t i = slot_find(b, off / BODY_EXTENT);

	for (; i < b->count; i++) {
		uint64_t start = b->slots[i].index * BODY_EXTENT;
		unsigned page =
			off > start ? (unsigned)((off - start) / BODY_PAGE) : 0;

		for (; page < BODY_EXTENT / BODY_PAGE; page++) {
			uint64_t at = start + (uint64_t)page * BODY_PAGE;

			if (b->slots[i].extent->pages & 1u << page)
				return at > off ? at : off;
		}
	}
	return UINT64_MAX;
}

uint64_t body_next_hole(const struct body *b, uint64_t off)
{
	for (;;) {
		const struct extent *e = extent_at(b, off / BODY_EXTENT);
		unsigned page = (unsigned)(off % BODY_EXTENT / BODY_PAGE);

		if (e == NULL || (e->pages & 1u << page) == 0)
			return off;
		off += BODY_PAGE - off % BODY_PAGE;
	}
}

int body_share(struct body *ret, const struct body *b)
{
	struct body copy = {.count = b->count, .room = b->count};

	if (b->count > 0) {
		copy.slots = mem_alloc(b->count * sizeof(*copy.slots));
		if (copy.slots == NULL)
			return -ENOMEM;
		memcpy(copy.slots, b->slots, b->count * sizeof(*copy.slots));
	}
	for (size_t i = 0; i < copy.count; i++)
		copy.slots[i].extent->refs++;
	*ret = copy;
	return 0;
}

void body_free(struct body *b, struct quota *q)
{
	for (size_t i = 0; i < b->count; i++) {
		if (q != NULL)
			q->used -= b->slots[i].extent->share;
		extent_put(b->slots[i].extent);
	}
	mem_free(b->slots);
	*b = (struct body){0};
}

uint64_t body_stored(const struct body *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->count; i++)
		n += b->slots[i].extent->share;
	return n;
}

uint64_t body_data(const struct body *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->count; i++)
		n += (uint64_t)__builtin_popcount(b->slots[i].extent->pages) *
		     BODY_PAGE;
	return n;
}
