/* SPDX-License-Identifier: MIT */
#ifndef TZ_COLD_H
#define TZ_COLD_H

/*
 * More contents than memory can be locked for.  A piece of plaintext is hot,
 * in locked memory, or cold: encrypted (AES-256-GCM) in ordinary memory.  It
 * goes cold when no more can be locked, the one that was held longest ago
 * first; where all of it can be locked, nothing ever does.
 *
 * The key is random, lives in memory for keys and ends with the last user
 * (cold_stop()).  The nonce is a counter.  It is kept in locked memory, with
 * the tag: so what comes back is what went, or -EIO, whoever has written to
 * the swap meanwhile.
 *
 * Pressure strikes in any thread, within any allocation, under any lock.  So
 * there is one lock here, which nobody holds while they call anything but
 * crypto/; what is allocated under it asks for no pressure.  A piece has one
 * user at a time who makes, holds and frees it (that of its tree).  Any thread
 * may read it meanwhile, as long as it is there and nobody writes to it: what
 * a snapshot shares is never written to.
 */

#include "crypto/aead.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COLD_PART = 64 << 10 }; /* up to this size a piece is read in parts */

struct cold {
	uint8_t *data;	/* as plaintext, or encrypted; size bytes */
	uint64_t nonce; /* cold: of its encryption; hot: 0 */
	union {
		struct {
			struct cold *newer, *older;
		} hot;
		uint8_t tag[AEAD_TAG_LEN];
	};
	uint32_t size;
	uint32_t holds; /* so many look at data, so that it stays hot */
};

/*
 * One more user of all this, and one less.  The first sets aside what it takes
 * to encrypt when there is no memory left, and from then on mem_on_pressure()
 * comes here.  With the last, no piece may be left.  0, -ENOMEM or -EIO.
 */
int cold_start(void);
void cold_stop(void);

/*
 * What else can be freed when there is nothing left to go cold: as
 * mem_on_pressure().  NULL: nothing.
 */
void cold_last_resort(bool (*fn)(void *ctx), void *ctx);

/*
 * Let pieces go cold: half of what is hot, but at least 512 KiB if there is so
 * much.  False: there is none that nobody holds, or no memory to put it.
 */
bool cold_relieve(void);

/* Make c a piece of size zero bytes, hot, and hold it.  0 or -ENOMEM. */
int cold_new(struct cold *c, size_t size);

/*
 * Make c a piece that holds size bytes of data, which will not change.  It is
 * cold at once if there has been pressure.  0, -ENOMEM or -EIO.
 */
int cold_put(struct cold *c, const uint8_t *data, size_t size);

/*
 * Have c hot, at c->data, until as many calls of cold_release().  0; -ENOMEM if
 * nothing can be locked for it, or -EIO if it is not what it was, and c stays
 * as it is.
 */
int cold_hold(struct cold *c);
void cold_release(struct cold *c);

/*
 * Copy len bytes at at of c to buf.  It stays hot or cold, and nothing is
 * allocated.  Of a piece that is larger than COLD_PART, only all of it.  0, or
 * -EIO if it is not what it was; then buf is zero.
 */
int cold_read(struct cold *c, size_t at, uint8_t *buf, size_t len);

/* Wipe and release what c holds.  {0} is a no-op. */
void cold_free(struct cold *c);

/* Bytes of pieces at present. */
struct cold_usage {
	size_t hot, cold;
};
struct cold_usage cold_usage(void);

#endif
