/* SPDX-License-Identifier: MIT */
#include "body_impl.h"

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
	static const uint32_t steps[] = {BODY_LEAST, 128,   256,   512,	  1024,
					 2048,	     4096,  8192,  12288, 16384,
					 24576,	     32768, 49152, 65536};
	size_t i = 0;

	while (steps[i] < need)
		i++;
	return steps[i];
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

static void extent_put(struct extent *e)
{
	if (--e->refs > 0)
		return;
	cold_free(&e->bytes);
	mem_free(e);
}

/*
 * Make *ret a new extent with room bytes, which start as those of old, if any,
 * and have no less room.  It is held.  0, -ENOMEM or -EIO.
 */
static int extent_new(struct extent **ret, uint32_t room, struct extent *old)
{
	struct extent *e = mem_alloc(sizeof(*e));
	int err = e != NULL ? cold_new(&e->bytes, room) : -ENOMEM;

	if (err == 0 && old != NULL) {
		e->pages = old->pages;
		e->share = old->share;
		err = cold_read(&old->bytes, 0, e->bytes.data, old->bytes.size);
	}
	if (err != 0) {
		if (e != NULL)
			cold_free(&e->bytes);
		mem_free(e);
		return err;
	}
	e->refs = 1;
	*ret = e;
	return 0;
}

/*
 * Make b's slots its own and give them room for so many.  A snapshot may look
 * at those that it shares at any time.
 */
static int slots_own(struct body *b, size_t room)
{
	struct body_slots *old = b->slots, *s;
	bool shared = old != NULL && old->refs > 1;

	if (!shared && (old != NULL ? old->room : 0) >= room)
		return 0;
	if (shared && room < old->room)
		room = old->room;
	s = mem_realloc(shared ? NULL : old,
			sizeof(*s) + room * sizeof(s->at[0]));
	if (s == NULL)
		return -ENOMEM;
	if (shared) {
		memcpy(s->at, old->at, b->count * sizeof(s->at[0]));
		for (size_t i = 0; i < b->count; i++)
			s->at[i].extent->refs++;
		old->refs--;
	}
	s->refs = 1;
	s->room = room;
	b->slots = s;
	return 0;
}

/* Make a slot for index at position i of the vector, which is b's own. */
static int slot_insert(struct body *b, size_t i, uint64_t index)
{
	struct body_slot *at;

	if (b->slots == NULL || b->count == b->slots->room) {
		size_t room = b->slots != NULL ? b->slots->room * 2 : 1;

		if (slots_own(b, room) != 0)
			return -ENOMEM;
	}
	at = b->slots->at;
	memmove(&at[i + 1], &at[i], (b->count - i) * sizeof(*at));
	at[i] = (struct body_slot){index, NULL};
	b->count++;
	return 0;
}

static void slot_close(struct body *b, size_t i)
{
	struct body_slot *at = b->slots->at;

	b->count--;
	memmove(&at[i], &at[i + 1], (b->count - i) * sizeof(*at));
}

/*
 * How much to allocate for slot i where share is needed: more, for what grows
 * by small pieces, or it would be copied once for each.
 */
static uint32_t room_ahead(const struct body *b, size_t i, uint32_t share)
{
	const struct body_slot *s = &b->slots->at[i], *before = s - 1;
	uint64_t room = share;

	if (s->extent != NULL)
		room = (uint64_t)s->extent->bytes.size * 2;
	else if (i > 0 && before->index == s->index - 1 &&
		 before->extent->bytes.size == BODY_EXTENT)
		room = s->index * BODY_EXTENT / 4;
	if (room > BODY_EXTENT)
		room = BODY_EXTENT;
	return room > share ? room_for((size_t)room) : share;
}

/* Put an extent of its own with room for share bytes, held, into slot i. */
static int slot_renew(struct body *b, const struct quota *q, size_t i,
		      uint32_t share)
{
	struct extent *old = b->slots->at[i].extent, *e = NULL;
	int err = -ENOMEM;

	if (old != NULL && old->bytes.size >= share)
		share = old->bytes.size;
	else if (q->ahead)
		err = extent_new(&e, room_ahead(b, i, share), old);
	if (err == -ENOMEM)
		err = extent_new(&e, share, old);
	if (err != 0)
		return err;
	b->slots->at[i].extent = e;
	if (old != NULL)
		extent_put(old);
	return 0;
}

/* What need bytes of the extent at index would be charged beyond what it is. */
static uint32_t charge_of(const struct body *b, uint64_t index, size_t need)
{
	const struct extent *e = body_extent_at(b, index);
	uint32_t had = e != NULL ? e->share : 0, share = room_for(need);

	return share > had ? share - had : 0;
}

/* May len bytes at off be charged, if left is what there is?  0 or -ENOSPC. */
static int check_space(const struct body *b, uint64_t left, uint64_t off,
		       uint64_t len)
{
	while (len > 0) {
		size_t n = body_part(off, len);
		uint32_t charge =
			charge_of(b, off / BODY_EXTENT, off % BODY_EXTENT + n);

		if (charge > left)
			return -ENOSPC;
		left -= charge;
		off += n;
		len -= n;
	}
	return 0;
}

bool body_would_grow(const struct body *b, uint64_t off, size_t len)
{
	return check_space(b, 0, off, len) != 0;
}

/*
 * Yield an extent at index that is b's own, has room for need bytes, and is
 * held.  On an error b is as it was.
 */
static int extent_own(struct extent **ret, struct body *b, struct quota *q,
		      uint64_t index, size_t need)
{
	uint32_t charge = charge_of(b, index, need), share;
	size_t i = body_slot_find(b, index);
	bool present = i < b->count && b->slots->at[i].index == index;
	struct extent *e;
	static uint64_t last_stamp;
	int err;

	if (q->limit - q->used < charge)
		return -ENOSPC;
	err = slots_own(b, b->count);
	if (err == 0 && !present)
		err = slot_insert(b, i, index);
	if (err != 0)
		return err;
	e = b->slots->at[i].extent;
	share = charge + (e != NULL ? e->share : 0);
	if (e == NULL || e->refs > 1 || e->bytes.size < share)
		err = slot_renew(b, q, i, share);
	else
		err = cold_hold(&e->bytes);
	if (err != 0) {
		if (e == NULL)
			slot_close(b, i);
		return err;
	}
	q->used += charge;
	*ret = b->slots->at[i].extent;
	(*ret)->share = share;
	(*ret)->stamp = ++last_stamp;
	return 0;
}

ssize_t body_write(struct body *b, struct quota *q, uint64_t off,
		   const uint8_t *buf, size_t len)
{
	size_t done = 0;
	int err = 0;

	while (done < len) {
		size_t at = off % BODY_EXTENT;
		size_t n = body_part(off, len - done);
		struct extent *e;

		err = extent_own(&e, b, q, off / BODY_EXTENT, at + n);
		if (err != 0)
			break;
		memcpy(e->bytes.data + at, buf + done, n);
		cold_release(&e->bytes);
		e->pages |= pages_of(at, n);
		off += n;
		done += n;
	}
	return done > 0 ? (ssize_t)done : err;
}

/* Remove slot i; the slots are b's own. */
static void slot_remove(struct body *b, struct quota *q, size_t i)
{
	struct extent *e = b->slots->at[i].extent;

	q->used -= e->share;
	extent_put(e);
	slot_close(b, i);
}

/* Make len bytes at at of slot i a hole, which may end the slot. */
static int punch_slot(struct body *b, struct quota *q, size_t i, size_t at,
		      size_t len)
{
	struct extent *e = b->slots->at[i].extent;
	uint16_t left = e->pages & (uint16_t)~pages_within(at, len);
	int err;

	if (left == 0) {
		err = slots_own(b, b->count);
		if (err == 0)
			slot_remove(b, q, i);
		return err;
	}
	/* What has no room reads as zeros, and no page is marked there. */
	if (at >= e->bytes.size)
		return 0;
	/* A place of its own first: a snapshot may see this one. */
	err = extent_own(&e, b, q, b->slots->at[i].index, 1);
	if (err != 0)
		return err;
	if (len > e->bytes.size - at)
		len = e->bytes.size - at;
	explicit_bzero(e->bytes.data + at, len);
	cold_release(&e->bytes);
	e->pages = left;
	return 0;
}

/* Make what lies from off to end of slot i a hole, which may end the slot. */
static int punch_between(struct body *b, struct quota *q, size_t i,
			 uint64_t off, uint64_t end)
{
	const uint64_t start = b->slots->at[i].index * BODY_EXTENT;
	const uint64_t from = off > start ? off - start : 0;
	const uint64_t to =
		end - start < BODY_EXTENT ? end - start : BODY_EXTENT;

	return from < to
		       ? punch_slot(b, q, i, (size_t)from, (size_t)(to - from))
		       : 0;
}

int body_punch(struct body *b, struct quota *q, uint64_t off, uint64_t len)
{
	const uint64_t end = len > UINT64_MAX - off ? UINT64_MAX : off + len;
	const uint64_t ends[] = {off / BODY_EXTENT, end / BODY_EXTENT};
	size_t i;
	int err;

	if (b->slots == NULL)
		return 0;
	err = slots_own(b, b->count);
	/* What may lack memory comes first: an extent of which a part stays. */
	for (size_t n = 0; err == 0 && n < 2; n++) {
		i = body_slot_find(b, ends[n]);
		if (i < b->count && b->slots->at[i].index == ends[n])
			err = punch_between(b, q, i, off, end);
	}
	/* From behind, so that a slot that goes moves none still to come. */
	i = err == 0 ? body_slot_find(b, ends[1]) : 0;
	while (i-- > 0 && b->slots->at[i].index > ends[0])
		slot_remove(b, q, i);
	return err;
}

int body_truncate(struct body *b, struct quota *q, uint64_t size)
{
	return body_punch(b, q, size, UINT64_MAX - size);
}

/* Remove the extents from off to end that have no page yet. */
static void drop_unmarked(struct body *b, struct quota *q, uint64_t off,
			  uint64_t end)
{
	size_t i = body_slot_find(b, end / BODY_EXTENT + 1);

	while (i-- > 0 && b->slots->at[i].index >= off / BODY_EXTENT)
		if (b->slots->at[i].extent->pages == 0)
			slot_remove(b, q, i);
}

int body_allocate(struct body *b, struct quota *q, uint64_t off, uint64_t len)
{
	uint64_t start = off, end = off + len;
	int err = check_space(b, q->limit - q->used, off, len);
	struct extent *e;

	/* Pages are marked when all is there: so a failure can be undone. */
	while (err == 0 && off < end) {
		size_t n = body_part(off, end - off);

		err = extent_own(&e, b, q, off / BODY_EXTENT,
				 off % BODY_EXTENT + n);
		if (err == 0)
			cold_release(&e->bytes);
		off += n;
	}
	if (err != 0) {
		drop_unmarked(b, q, start, end);
		return err;
	}
	for (off = start; off < end; off += body_part(off, end - off)) {
		e = body_extent_at(b, off / BODY_EXTENT);
		if (e != NULL)
			e->pages |= pages_of(off % BODY_EXTENT,
					     body_part(off, end - off));
	}
	return 0;
}

void body_share(struct body *ret, const struct body *b)
{
	*ret = *b;
	if (b->slots != NULL)
		b->slots->refs++;
}

void body_free(struct body *b, struct quota *q)
{
	bool last;

	if (b->slots == NULL)
		return;
	last = --b->slots->refs == 0;
	for (size_t i = 0; i < b->count; i++) {
		struct extent *e = b->slots->at[i].extent;

		if (q != NULL)
			q->used -= e->share;
		if (last)
			extent_put(e);
	}
	if (last)
		mem_free(b->slots);
	*b = (struct body){0};
}
