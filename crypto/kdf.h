/* SPDX-License-Identifier: MIT */
#ifndef TZ_KDF_H
#define TZ_KDF_H

/* From a passphrase to keys. */

#include "secret.h"

#include <stddef.h>
#include <stdint.h>

enum { KDF_KEY_LEN = 32, KDF_SALT_LEN = 32 };

enum kdf_kind { KDF_PBKDF2 = 1, KDF_ARGON2ID = 2 };

/* How much work one derivation is.  What a kind does not use is 0. */
struct kdf_cost {
	uint16_t kind;
	uint32_t rounds;     /* PBKDF2: iterations.  Argon2id: passes */
	uint32_t memory_kib; /* Argon2id */
	uint32_t lanes;	     /* Argon2id */
};

/*
 * Judge a cost before any work is done, so that no file can make its reader
 * work for hours: PBKDF2 100,000 to 10,000,000 iterations; Argon2id 8 MiB to
 * 4 GiB, 1 to 64 passes, 1 to 16 lanes.
 *
 * Returns 0, -EPROTO for a kind not known here, or -EBADMSG for a cost out of
 * these bounds.
 */
int kdf_check(const struct kdf_cost *cost);

/*
 * Derive key from passphrase and salt: PBKDF2-HMAC-SHA256 (RFC 8018) or
 * Argon2id (RFC 9106).  The caller wipes key.
 *
 * Returns 0, the error of kdf_check(), -ENOTSUP if libcrypto offers no
 * Argon2id (it does from 3.2 on), -EINVAL for a passphrase of 2 GiB and more,
 * or -ENOMEM.
 */
int kdf_derive(uint8_t key[static KDF_KEY_LEN], const struct kdf_cost *cost,
	       const uint8_t salt[static KDF_SALT_LEN],
	       const struct secret *passphrase);

/*
 * HKDF-Expand with SHA-256 (RFC 5869, section 2.3): len bytes, at most 8160,
 * bound to info, a string that names their use.  key is uniform, so HKDF's
 * Extract has no part in it.  0 or -ENOMEM.
 */
int kdf_expand(uint8_t *out, size_t len, const struct secret *key,
	       const char *info);

#endif
