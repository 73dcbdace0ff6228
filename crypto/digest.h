/* SPDX-License-Identifier: MIT */
#ifndef TZ_DIGEST_H
#define TZ_DIGEST_H

/* SHA-256 (FIPS 180-4), of bytes that are no secret. */

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_LEN = 32 };

/* The digest of len bytes at p, which may be NULL if len is 0.  0 or -EIO. */
int digest_sha256(uint8_t ret[static DIGEST_LEN], const uint8_t *p, size_t len);

#endif
