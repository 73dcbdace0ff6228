/* SPDX-License-Identifier: MIT */
#ifndef TZ_BODY_H
#define TZ_BODY_H

/*
 * The contents of one regular file: extents of at most 64 KiB, kept only where
 * something was written.  Their bytes are in locked memory, or encrypted where
 * that does not suffice (cold.h); all else of them is locked.  The list of them
 * and each of them count their references, so that a copy for a snapshot takes
 * no memory: it shares the list, and a write after it goes to a list and an
 * extent of its own.  All of this has one user at a time; another may read what
 * is shared.
 */

#include "cold.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	BODY_EXTENT = 64 << 10,
	BODY_PAGE = 4096,
	BODY_LEAST = 64, /* that an extent is charged */
};
_Static_assert((int)BODY_EXTENT <= (int)COLD_PART,
	       "an extent is read in parts");

/* Bytes in use against bytes allowed.  Owned by the tree. */
struct quota {
	uint64_t used, limit;
	bool ahead; /* allocate more than is needed where a file grows */
};

struct extent {
	uint32_t refs;
	uint32_t share; /* bytes that were needed and are charged */
	uint64_t stamp; /* no two contents of extents ever have the same */
	struct cold
		bytes;	/* share of them or more; what is beyond reads as 0 */
	uint16_t pages; /* a bit for each BODY_PAGE that is no hole */
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

/*
 * Fill buf with the len bytes at off.  Holes read as zeros.  It allocates
 * nothing.  0, or -EIO if memory is not what it was (cold_read()).
 */
int body_read(const struct body *b, uint64_t off, uint8_t *buf, size_t len);

/*
 * Write len bytes at off, which must not pass 2^63.  What is allocated is
 * charged to q.
 *
 * Returns the number of bytes written, less than len if space ran out
 * meanwhile.  If there was none for the first of them: -ENOSPC when q is
 * used up, -ENOMEM when no more memory can be locked, -EIO as body_read().
 */
ssize_t body_write(struct body *b, struct quota *q, uint64_t off,
		   const uint8_t *buf, size_t len);

/* Would a write of len bytes at off be charged anything? */
bool body_would_grow(const struct body *b, uint64_t off, size_t len);

/*
 * Forget everything from size on, or nothing; it reads as zeros if the file
 * grows again. 0; -ENOMEM if an extent that is shared with a snapshot could not
 * be copied, or one that is encrypted got no memory; -EIO as body_read().
 */
int body_truncate(struct body *b, struct quota *q, uint64_t size);

/*
 * Make len bytes at off a hole.  Errors as body_truncate(); some of it may be
 * done then.
 */
int body_punch(struct body *b, struct quota *q, uint64_t off, uint64_t len);

/*
 * Take space for what is a hole in len bytes at off; it goes on reading as
 * zeros.  0, -ENOSPC, -ENOMEM or -EIO; nothing is a hole less then.
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
