/* SPDX-License-Identifier: MIT */
/*
 * The published vectors of PBKDF2 have other salts and fewer iterations than
 * kdf_derive() takes.  So they check a second PBKDF2, written below after
 * RFC 8018, and that one checks kdf_derive().
 */
#include "crypto/kdf.h"
#include "common.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

enum { SHA256_LEN = 32 };

struct bytes {
	const void *p;
	size_t len;
};

static void mac(EVP_MAC_CTX *ctx, uint8_t *out, struct bytes a, struct bytes b)
{
	size_t n;

	assert_int_equal(EVP_MAC_init(ctx, NULL, 0, NULL), 1);
	assert_int_equal(EVP_MAC_update(ctx, a.p, a.len), 1);
	assert_int_equal(EVP_MAC_update(ctx, b.p, b.len), 1);
	assert_int_equal(EVP_MAC_final(ctx, out, &n, SHA256_LEN), 1);
	assert_int_equal(n, SHA256_LEN);
}

/* RFC 8018, section 5.2, with HMAC-SHA-256.  len is a multiple of 32. */
static void pbkdf2(uint8_t *out, size_t len, struct bytes pass,
		   struct bytes salt, unsigned rounds)
{
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
						 (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);

	assert_int_equal(EVP_MAC_init(ctx, pass.p, pass.len, params), 1);
	for (size_t block = 0; block < len / SHA256_LEN; block++) {
		uint8_t *t = out + block * SHA256_LEN, u[SHA256_LEN];
		uint8_t index[4] = {0, 0, 0, (uint8_t)(block + 1)};

		mac(ctx, u, salt, (struct bytes){index, sizeof(index)});
		memcpy(t, u, sizeof(u));
		for (unsigned i = 1; i < rounds; i++) {
			mac(ctx, u, (struct bytes){u, sizeof(u)},
			    (struct bytes){"", 0});
			for (size_t j = 0; j < sizeof(u); j++)
				t[j] ^= u[j];
		}
	}
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(hmac);
}

/* RFC 7914, section 11. */
static void the_second_pbkdf2_meets_the_published_vectors(void **state)
{
	struct hex once = hex("55ac046e56e3089fec1691c22544b605"
			      "f94185216dde0465e68b9d57c20dacbc"
			      "49ca9cccf179b645991664b39d77ef31"
			      "7c71b845b1e30bd509112041d3a19783");
	struct hex often = hex("4ddcd8f60b98be21830cee5ef22701f9"
			       "641a4418d04c0414aeff08876b34ab56"
			       "a1d425a1225833549adb841b51c9b317"
			       "6a272bdebba1d078478f62b397f33c8d");
	uint8_t out[64];

	(void)state;
	pbkdf2(out, 64, (struct bytes){"passwd", 6}, (struct bytes){"salt", 4},
	       1);
	assert_memory_equal(out, once.data, 64);
	pbkdf2(out, 64, (struct bytes){"Password", 8},
	       (struct bytes){"NaCl", 4}, 80000);
	assert_memory_equal(out, often.data, 64);
}

static void salt_0_to_31(uint8_t salt[static KDF_SALT_LEN])
{
	for (int i = 0; i < KDF_SALT_LEN; i++)
		salt[i] = (uint8_t)i;
}

static void copy_secret(struct secret *s, const void *p, size_t len)
{
	assert_int_equal(secret_alloc(s, len), 0);
	memcpy(s->data, p, len);
}

static void derives_as_the_second_pbkdf2_does(void **state)
{
	/* Longer than HMAC's block, with a NUL in it, and empty. */
	static const struct bytes passes[] = {
		{"correct horse", 13},
		{"before\0after", 12},
		{"0123456789012345678901234567890123456789"
		 "0123456789012345678901234567890123456789",
		 80},
		{"", 0},
	};
	const struct kdf_cost cost = {.kind = KDF_PBKDF2, .rounds = 100001};
	uint8_t salt[KDF_SALT_LEN], key[KDF_KEY_LEN], want[KDF_KEY_LEN];

	(void)state;
	salt_0_to_31(salt);
	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++) {
		struct secret pass;

		copy_secret(&pass, passes[i].p, passes[i].len);
		assert_int_equal(kdf_derive(key, &cost, salt, &pass), 0);
		pbkdf2(want, sizeof(want), passes[i],
		       (struct bytes){salt, sizeof(salt)}, cost.rounds);
		assert_memory_equal(key, want, sizeof(want));
		secret_free(&pass);
	}
}

/* The value is that of Python's hashlib.pbkdf2_hmac. */
static void derives_what_another_library_derives(void **state)
{
	struct hex want =
		hex("eb6d5c8de5fcc850ba948186a654874cf3e56a683281c95efd24603a0e"
		    "72908a");
	const struct kdf_cost cost = {.kind = KDF_PBKDF2, .rounds = 100000};
	uint8_t salt[KDF_SALT_LEN], key[KDF_KEY_LEN];
	struct secret pass;

	(void)state;
	salt_0_to_31(salt);
	copy_secret(&pass, "correct horse", 13);
	assert_int_equal(kdf_derive(key, &cost, salt, &pass), 0);
	assert_memory_equal(key, want.data, sizeof(key));
	secret_free(&pass);
}

static void derives_from_an_empty_secret(void **state)
{
	const struct kdf_cost cost = {.kind = KDF_PBKDF2, .rounds = 100000};
	uint8_t salt[KDF_SALT_LEN], key[KDF_KEY_LEN], want[KDF_KEY_LEN];
	struct secret none = {0}, empty;

	(void)state;
	salt_0_to_31(salt);
	copy_secret(&empty, "", 0);
	assert_int_equal(kdf_derive(want, &cost, salt, &empty), 0);
	assert_int_equal(kdf_derive(key, &cost, salt, &none), 0);
	assert_memory_equal(key, want, sizeof(want));
	secret_free(&empty);
}

/* The values are those of libargon2 20171227, the reference implementation. */
static void derives_argon2id_or_says_that_it_cannot(void **state)
{
	static const struct {
		struct kdf_cost cost;
		const char *key;
	} known[] = {
		{{KDF_ARGON2ID, 1, 8192, 1},
		 "d9f907c38ffad8182ae0653155eb966a"
		 "4affc033d935f74b20fa9c569812134f"},
		{{KDF_ARGON2ID, 3, 8192, 4},
		 "f99fe3a991ff202674c8e8d53c4bb2cd"
		 "72fc9ba9fc37e584997eac57c4d959ec"},
	};
	uint8_t salt[KDF_SALT_LEN], key[KDF_KEY_LEN];
	struct secret pass;

	(void)state;
	salt_0_to_31(salt);
	copy_secret(&pass, "correct horse", 13);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct hex want = hex(known[i].key);
		int err = kdf_derive(key, &known[i].cost, salt, &pass);

		if (OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2)
			assert_int_equal(err, -ENOTSUP);
		else
			assert_int_equal(err, 0);
		if (err == 0)
			assert_memory_equal(key, want.data, sizeof(key));
	}
	secret_free(&pass);
}

static void expand_to(const char *prk, const char *info, const char *okm)
{
	struct hex key_bytes = hex(prk), info_bytes = hex(info);
	struct hex want = hex(okm);
	uint8_t out[HEX_MAX];
	struct secret key;

	memset(out, 0x77, sizeof(out));
	copy_secret(&key, key_bytes.data, key_bytes.len);
	info_bytes.data[info_bytes.len] = 0;
	assert_int_equal(
		kdf_expand(out, want.len, &key, (const char *)info_bytes.data),
		0);
	assert_memory_equal(out, want.data, want.len);
	assert_true(all_bytes(out + want.len, HEX_MAX - want.len, 0x77));
	secret_free(&key);
}

/* RFC 5869, appendix A.1 to A.3. */
static void expands_the_published_vectors(void **state)
{
	(void)state;
	expand_to("077709362c2e32df0ddc3f0dc47bba63"
		  "90b6c73bb50f9c3122ec844ad7c2b3e5",
		  "f0f1f2f3f4f5f6f7f8f9",
		  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56"
		  "ecc4c5bf34007208d5b887185865");
	expand_to("06a6b88c5853361a06104c9ceb35b45c"
		  "ef760014904671014a193f40c15fc244",
		  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacb"
		  "cccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7"
		  "e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c"
		  "19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8"
		  "367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
	expand_to("19ef24a32c717b167f33a91d6f648bdf"
		  "96596776afdb6377ac434c1c293ccb04",
		  "",
		  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f"
		  "3c738d2d9d201395faa4b61a96c8");
}

static void expands_8160_bytes_and_no_more(void **state)
{
	static uint8_t out[8161], again[8160];
	struct secret key;

	(void)state;
	copy_secret(&key, "an input of exactly 32 bytes ...", 32);
	assert_int_equal(kdf_expand(out, 8160, &key, "info"), 0);
	assert_int_equal(kdf_expand(again, 100, &key, "info"), 0);
	assert_memory_equal(out, again, 100);
	assert_int_not_equal(kdf_expand(out, 8161, &key, "info"), 0);
	secret_free(&key);
}

static void checks_each_border_of_a_cost(void **state)
{
	static const struct {
		struct kdf_cost cost;
		int err;
	} costs[] = {
		{{KDF_PBKDF2, 100000, 0, 0}, 0},
		{{KDF_PBKDF2, 10000000, 0, 0}, 0},
		{{KDF_PBKDF2, 0, 0, 0}, -EBADMSG},
		{{KDF_PBKDF2, 99999, 0, 0}, -EBADMSG},
		{{KDF_PBKDF2, 10000001, 0, 0}, -EBADMSG},
		{{KDF_PBKDF2, UINT32_MAX, 0, 0}, -EBADMSG},
		{{KDF_PBKDF2, 600000, 1, 0}, -EBADMSG},
		{{KDF_PBKDF2, 600000, 0, 1}, -EBADMSG},
		{{KDF_ARGON2ID, 1, 8192, 1}, 0},
		{{KDF_ARGON2ID, 64, 4194304, 16}, 0},
		{{KDF_ARGON2ID, 0, 8192, 1}, -EBADMSG},
		{{KDF_ARGON2ID, 65, 8192, 1}, -EBADMSG},
		{{KDF_ARGON2ID, 1, 8191, 1}, -EBADMSG},
		{{KDF_ARGON2ID, 1, 4194305, 1}, -EBADMSG},
		{{KDF_ARGON2ID, 1, UINT32_MAX, 1}, -EBADMSG},
		{{KDF_ARGON2ID, 1, 8192, 0}, -EBADMSG},
		{{KDF_ARGON2ID, 1, 8192, 17}, -EBADMSG},
		{{0, 600000, 0, 0}, -EPROTO},
		{{3, 600000, 0, 0}, -EPROTO},
		{{UINT16_MAX, 0, 0, 0}, -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		assert_int_equal(kdf_check(&costs[i].cost), costs[i].err);
}

static void derives_nothing_at_an_absurd_cost(void **state)
{
	static const struct {
		struct kdf_cost cost;
		int err;
	} costs[] = {
		{{KDF_PBKDF2, 99999, 0, 0}, -EBADMSG},
		{{KDF_PBKDF2, UINT32_MAX, 0, 0}, -EBADMSG},
		{{KDF_ARGON2ID, 65, UINT32_MAX, 1}, -EBADMSG},
		{{9, 1, 1, 1}, -EPROTO},
	};
	uint8_t salt[KDF_SALT_LEN], key[KDF_KEY_LEN];
	struct secret pass;

	(void)state;
	salt_0_to_31(salt);
	copy_secret(&pass, "x", 1);
	memset(key, 0x77, sizeof(key));
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
		assert_int_equal(kdf_derive(key, &costs[i].cost, salt, &pass),
				 costs[i].err);
		assert_true(all_bytes(key, sizeof(key), 0x77));
	}
	secret_free(&pass);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_pbkdf2_meets_the_published_vectors),
		cmocka_unit_test(derives_as_the_second_pbkdf2_does),
		cmocka_unit_test(derives_what_another_library_derives),
		cmocka_unit_test(derives_from_an_empty_secret),
		cmocka_unit_test(derives_argon2id_or_says_that_it_cannot),
		cmocka_unit_test(expands_the_published_vectors),
		cmocka_unit_test(expands_8160_bytes_and_no_more),
		cmocka_unit_test(checks_each_border_of_a_cost),
		cmocka_unit_test(derives_nothing_at_an_absurd_cost),
	};

	if (crypto_start() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
