/* SPDX-License-Identifier: MIT */
#ifndef TZ_BODY_H
#define TZ_BODY_H

/*
 * The contents of one regular file: extents of at most 64 KiB in locked
 * memory, kept only where something was written.  The list of them and each of
 * them count their references, so that a copy for a snapshot takes no memory:
 * it shares the list, and a write after it goes to a list and an extent of its
 * own.  All of this has one user at a time; another may read what is shared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum {
	BODY_EXTENT = 64 << 10,
	BODY_PAGE = 4096,
	BODY_LEAST = 64,	  /* that an extent is charged */
	BODY_MAP_MAX = 128 << 10, /* bytes that body_map() takes */
	BODY_MAP_PIECES = 6,
};

/* Bytes in use against bytes allowed.  Owned by the tree. */
struct quota {
	uint64_t used, limit;
	bool ahead; /* allocate more than is needed where a file grows */
};

struct extent {
	uint32_t refs;
	uint32_t room;	/* bytes allocated for data; those beyond read as 0 */
	uint32_t share; /* of them, those that were needed and are charged */
	uint16_t pages; /* a bit for each BODY_PAGE that is no hole */
	uint64_t stamp; /* no two contents of extents ever have the same */
	uint8_t *data;
};
_Static_assert(BODY_EXTENT / BODY_PAGE == 16, "a bit for each page");

/* An extent and its place: bytes index * BODY_EXTENT and up. */
struct body_slot {
	uint64_t index;
	struct extent *extent;
};

/* A list of extents, sorted by index.  Shared, it is not changed. */
struct body_slots {
	size_t refs, room;
	struct body_slot at[];
};

/* {0} is a valid empty body. */
struct body {
	struct body_slots *slots;
	size_t count; /* of slots in use */
};

/* Fill buf with the len bytes at off.  Holes read as zeros. */
void body_read(const struct body *b, uint64_t off, uint8_t *buf, size_t len);

/*
 * Point iov at the len bytes at off, at most BODY_MAP_MAX, where they lie.
 * They are b's, until it changes.  Returns the number of pieces.
 */
int body_map(const struct body *b, uint64_t off, size_t len,
	     struct iovec iov[BODY_MAP_PIECES]);

/*
 * Write len bytes at off, which must not pass 2^63.  What is allocated is
 * charged to q.
 *
 * Returns the number of bytes written, less than len if space ran out
 * meanwhile.  If there was none for the first of them: -ENOSPC when q is
 * used up, -ENOMEM when no more memory can be locked.
 */
ssize_t body_write(struct body *b, struct quota *q, uint64_t off,
		   const uint8_t *buf, size_t len);

/* Would a write of len bytes at off be charged anything? */
bool body_would_grow(const struct body *b, uint64_t off, size_t len);

/*
 * Forget everything from size on; it reads as zeros if the file grows again.
 * 0, or -ENOMEM if an extent shared with a snapshot could not be copied.
 */
int body_truncate(struct body *b, struct quota *q, uint64_t size);

/*
 * Make len bytes at off a hole.  0, or -ENOMEM if an extent shared with a
 * snapshot could not be copied; some of it may be done then.
 */
int body_punch(struct body *b, struct quota *q, uint64_t off, uint64_t len);

/*
 * Take space for what is a hole in len bytes at off; it goes on reading as
 * zeros.  0, -ENOSPC or -ENOMEM; nothing is a hole less then.
 */
int body_allocate(struct body *b, struct quota *q, uint64_t off, uint64_t len);

/* The first place at or after off that is no hole, UINT64_MAX if none. */
uint64_t body_next_data(const struct body *b, uint64_t off);

/* The first place from off up to limit that is a hole; limit if none is. */
uint64_t body_next_hole(const struct body *b, uint64_t off, uint64_t limit);

/*
 * A number for the contents of the extent that off lies in: it is another one
 * after each change, in all bodies of this process; 0 for a hole.
 */
uint64_t body_stamp(const struct body *b, uint64_t off);

/* Make *ret share what b holds, without any allocation.  The caller frees it.
 */
void body_share(struct body *ret, const struct body *b);

/* Release b, giving back to q, which may be NULL for a shared copy. */
void body_free(struct body *b, struct quota *q);

/* Bytes that b is charged for. */
uint64_t body_stored(const struct body *b);

/* Bytes of b that are no hole, in whole pages. */
uint64_t body_data(const struct body *b);

#endif
