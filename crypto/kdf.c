/* SPDX-License-Identifier: MIT */
#include "kdf.h"

#include "mem.h"
#include "stack.h"

#include <errno.h>
#include <limits.h>
#include <nettle/hmac.h>
#include <nettle/pbkdf2.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <string.h>

static bool within(uint32_t n, uint32_t low, uint32_t high)
{
	return n >= low && n <= high;
}

int kdf_check(const struct kdf_cost *cost)
{
	bool sane;

	switch (cost->kind) {
	case KDF_PBKDF2:
		sane = within(cost->rounds, 100000, 10000000) &&
		       cost->memory_kib == 0 && cost->lanes == 0;
		break;
	case KDF_ARGON2ID:
		sane = within(cost->rounds, 1, 64) &&
		       within(cost->memory_kib, 8 << 10, 4 << 20) &&
		       within(cost->lanes, 1, 16);
		break;
	default:
		return -EPROTO;
	}
	return sane ? 0 : -EBADMSG;
}

/* Run the KDF called name.  -ENOTSUP if this libcrypto has none. */
static int derive(const char *name, uint8_t *out, size_t len,
		  const OSSL_PARAM params[])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
	EVP_KDF_CTX *ctx = NULL;
	int err = 0;

	if (kdf == NULL)
		return -ENOTSUP;
	ctx = EVP_KDF_CTX_new(kdf);
	if (ctx == NULL || EVP_KDF_derive(ctx, out, len, params) != 1)
		err = -ENOMEM;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return err;
}

static int derive_argon2id(uint8_t *key, const struct kdf_cost *cost,
			   const uint8_t *salt, const struct secret *pass)
{
	uint32_t rounds = cost->rounds, memory = cost->memory_kib;
	uint32_t lanes = cost->lanes;
	/* The last three names are spelt out: Debian 12 has no macro of them.
	 */
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
						  pass->data, pass->len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
						  (void *)salt, KDF_SALT_LEN),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &rounds),
		OSSL_PARAM_construct_uint32("memcost", &memory),
		OSSL_PARAM_construct_uint32("lanes", &lanes),
		OSSL_PARAM_construct_end(),
	};

	return derive("ARGON2ID", key, KDF_KEY_LEN, params);
}

/*
 * By nettle, which takes memory of ours for its state and half the time of
 * OpenSSL 3.0: that allocates in each iteration.
 */
static int derive_pbkdf2(uint8_t *key, const struct kdf_cost *cost,
			 const uint8_t *salt, const struct secret *pass)
{
	struct hmac_sha256_ctx *hmac = mem_alloc_in(MEM_KEYS, sizeof(*hmac));

	if (hmac == NULL)
		return -ENOMEM;
	hmac_sha256_set_key(hmac, pass->len, pass->data);
	PBKDF2(hmac, hmac_sha256_update, hmac_sha256_digest, SHA256_DIGEST_SIZE,
	       cost->rounds, KDF_SALT_LEN, salt, KDF_KEY_LEN, key);
	mem_free(hmac);
	stack_wipe();
	return 0;
}

int kdf_derive(uint8_t key[static KDF_KEY_LEN], const struct kdf_cost *cost,
	       const uint8_t salt[static KDF_SALT_LEN],
	       const struct secret *passphrase)
{
	int err = kdf_check(cost);

	if (err != 0)
		return err;
	if (passphrase->len > INT_MAX)
		return -EINVAL;
	if (cost->kind == KDF_ARGON2ID)
		return derive_argon2id(key, cost, salt, passphrase);
	return derive_pbkdf2(key, cost, salt, passphrase);
}

int kdf_expand(uint8_t *out, size_t len, const struct secret *key,
	       const char *info)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						 (char *)"SHA256", 0),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key->data,
						  key->len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
						  (void *)info, strlen(info)),
		OSSL_PARAM_construct_end(),
	};

	return derive("HKDF", out, len, params);
}
