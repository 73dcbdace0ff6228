/* SPDX-License-Identifier: MIT */
#ifndef TZ_DIGEST_H
#define TZ_DIGEST_H

/* SHA-256 (FIPS 180-4) of messages that come in parts, one after another. */

#include "stream.h"

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_LEN = 32 };

struct digest;

/* Begin a message.  The caller frees *ret.  0 or -ENOMEM. */
int digest_new(struct digest **ret);

/* Takes the message.  The sink lives as long as d.  Its error is -EIO. */
struct sink digest_sink(struct digest *d);

/* End the message, and begin another.  0 or -EIO. */
int digest_end(struct digest *d, uint8_t out[static DIGEST_LEN]);

/*
 * The digest of len bytes at p, which may be NULL if len is 0.  They are no
 * secret.  0 or -EIO.
 */
int digest_sha256(uint8_t out[static DIGEST_LEN], const uint8_t *p, size_t len);

/* Wipe and release d.  NULL is a no-op. */
void digest_free(struct digest *d);

#endif
