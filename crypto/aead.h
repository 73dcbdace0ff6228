/* SPDX-License-Identifier: MIT */
#ifndef TZ_AEAD_H
#define TZ_AEAD_H

/*
 * AES-256-GCM (NIST SP 800-38D) over a message that comes in parts.  It knows
 * no format.  A message is one begin, any number of updates, and one end.
 */

#include <stddef.h>
#include <stdint.h>

enum { AEAD_KEY_LEN = 32, AEAD_NONCE_LEN = 12, AEAD_TAG_LEN = 16 };

/* One message under way.  It holds a key schedule; aead_free() wipes it. */
struct aead;

/* What a message starts with.  aad is authenticated, not encrypted. */
struct aead_start {
	const uint8_t *key;   /* AEAD_KEY_LEN bytes */
	const uint8_t *nonce; /* AEAD_NONCE_LEN bytes; once per key */
	const uint8_t *aad;
	size_t aad_len;
};

/* Begin to encrypt, or to decrypt.  The caller frees *ret.  0 or -ENOMEM. */
int aead_seal_begin(struct aead **ret, const struct aead_start *start);
int aead_open_begin(struct aead **ret, const struct aead_start *start);

/*
 * Begin the next message of a under the same key, in the same direction and
 * without aad; one under way is given up.  It allocates nothing.  0 or -EIO.
 */
int aead_again(struct aead *a, const uint8_t nonce[static AEAD_NONCE_LEN]);

/*
 * Turn len bytes of in into len bytes of out; both may be the same place.
 * What an opening message yields is not authentic before aead_open_end().
 * 0 or -EIO.
 */
int aead_update(struct aead *a, uint8_t *out, const uint8_t *in, size_t len);

/* End an encryption and yield its tag.  0 or -EIO. */
int aead_seal_end(struct aead *a, uint8_t tag[static AEAD_TAG_LEN]);

/* End a decryption.  0, or -EBADMSG if any of it was altered. */
int aead_open_end(struct aead *a, const uint8_t tag[static AEAD_TAG_LEN]);

/* Wipe and release a.  NULL is a no-op. */
void aead_free(struct aead *a);

#endif
