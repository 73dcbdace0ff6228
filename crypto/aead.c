/* SPDX-License-Identifier: MIT */
#include "aead.h"
#include "mem.h"

#include <errno.h>
#include <openssl/evp.h>

struct aead {
	EVP_CIPHER_CTX *ctx;
};

enum { STEP = 1 << 30 }; /* EVP counts in int */

static int begin(struct aead **ret, const struct aead_start *start, int seal)
{
	struct aead *a = mem_alloc(sizeof(*a));
	int n;

	if (a == NULL)
		return -ENOMEM;
	a->ctx = EVP_CIPHER_CTX_new();
	if (a->ctx == NULL ||
	    EVP_CipherInit_ex(a->ctx, EVP_aes_256_gcm(), NULL, start->key,
			      start->nonce, seal) != 1 ||
	    (start->aad_len > 0 &&
	     EVP_CipherUpdate(a->ctx, NULL, &n, start->aad,
			      (int)start->aad_len) != 1)) {
		aead_free(a);
		return -ENOMEM;
	}
	*ret = a;
	return 0;
}

int aead_seal_begin(struct aead **ret, const struct aead_start *start)
{
	return begin(ret, start, 1);
}

int aead_open_begin(struct aead **ret, const struct aead_start *start)
{
	return begin(ret, start, 0);
}

int aead_again(struct aead *a, const uint8_t nonce[static AEAD_NONCE_LEN])
{
	/* What is not given stays: EVP_EncryptInit(3). */
	return EVP_CipherInit_ex(a->ctx, NULL, NULL, NULL, nonce, -1) == 1
		       ? 0
		       : -EIO;
}

int aead_update(struct aead *a, uint8_t *out, const uint8_t *in, size_t len)
{
	while (len > 0) {
		int step = len < STEP ? (int)len : STEP, n;

		if (EVP_CipherUpdate(a->ctx, out, &n, in, step) != 1)
			return -EIO;
		in += step;
		out += step;
		len -= (size_t)step;
	}
	return 0;
}

int aead_seal_end(struct aead *a, uint8_t tag[static AEAD_TAG_LEN])
{
	uint8_t none[AEAD_TAG_LEN];
	int n;

	if (EVP_CipherFinal_ex(a->ctx, none, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN,
				tag) != 1)
		return -EIO;
	return 0;
}

int aead_open_end(struct aead *a, const uint8_t tag[static AEAD_TAG_LEN])
{
	uint8_t none[AEAD_TAG_LEN];
	int n;

	if (EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN,
				(void *)tag) != 1 ||
	    EVP_CipherFinal_ex(a->ctx, none, &n) != 1)
		return -EBADMSG;
	return 0;
}

void aead_free(struct aead *a)
{
	if (a == NULL)
		return;
	EVP_CIPHER_CTX_free(a->ctx);
	mem_free(a);
}
