/* SPDX-License-Identifier: MIT */
/* The envelopes as they should be: what is sealed opens, and lies in place. */
#include "crypto/seal.h"
#include "common.h"
#include "crypto/crypto.h"
#include "vaults.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char phrase[] = "an old silver key";

/* One key for each format: deriving takes its time. */
static struct kit {
	struct seal_params params;
	struct secret key;
} kits[3];

static struct secret pass_new(void)
{
	return secret_of(phrase, strlen(phrase));
}

static int setup(void **state)
{
	struct secret pass = pass_new();

	(void)state;
	for (int format = 1; format <= 2; format++) {
		struct kit *k = &kits[format];

		k->params = params_of(format);
		assert_int_equal(seal_derive(&k->key, &k->params, &pass), 0);
	}
	secret_free(&pass);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	secret_free(&kits[1].key);
	secret_free(&kits[2].key);
	return 0;
}

static void round_trip(const struct kit *k, size_t len, size_t step)
{
	uint8_t *plain = malloc(len + 1), *again = malloc(len + 1);
	struct seal_reader *r = NULL;
	struct blob sealed;

	assert_true(plain != NULL && again != NULL);
	pattern(plain, len);
	sealed = seal_in_parts(&k->params, &k->key, plain, len, step);
	assert_int_equal(sealed.len,
			 len + (k->params.format == 1 ? 60 : 128 + 16));
	assert_int_equal(seal_verify(&sealed, &k->key), 0);
	assert_int_equal(seal_reader_new(&r, &sealed, &k->key), 0);
	assert_int_equal(read_all(seal_reader_source(r), again, len + 1, step),
			 len);
	assert_memory_equal(plain, again, len);
	seal_reader_free(r);
	blob_free(&sealed);
	free(plain);
	free(again);
}

static void opens_what_it_sealed_at_any_size(void **state)
{
	static const size_t sizes[] = {
		0,     1,     15,    16,     17,     4096,
		65535, 65536, 65537, 131072, 131073, (1 << 20) + 3,
	};
	static const size_t steps[] = {1000, 65536, 1 << 20, 3 << 20};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t j = 0; j < 4; j++) {
			round_trip(&kits[1], sizes[i], steps[j]);
			round_trip(&kits[2], sizes[i], steps[j]);
		}
	}
	round_trip(&kits[1], 1000, 1);
	round_trip(&kits[2], 1000, 1);
}

static uint64_t le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

/* Each row of the table in docs/FORMAT.md, by its offset. */
static void writes_each_field_of_format_2_where_it_belongs(void **state)
{
	const struct seal_params *p = &kits[2].params;
	struct blob b = seal(p, &kits[2].key, "12345", 5);

	(void)state;
	assert_int_equal(b.len, 128 + 5 + 16);
	assert_memory_equal(b.data, "TAZPOD2\n", 8);
	assert_int_equal(le(b.data + 8, 4), 128);
	assert_int_equal(le(b.data + 12, 2), 1);
	assert_int_equal(le(b.data + 14, 2), 1);
	assert_int_equal(le(b.data + 16, 4), ROUNDS);
	assert_int_equal(le(b.data + 20, 4), 0);
	assert_int_equal(le(b.data + 24, 4), 0);
	assert_int_equal(le(b.data + 28, 4), 1);
	assert_memory_equal(b.data + 32, p->salt, 32);
	assert_int_equal(le(b.data + 76, 4), 0);
	assert_int_equal(le(b.data + 80, 8), 0x1122334455667788);
	assert_int_equal(le(b.data + 88, 8), 0x99aabbccddeeff01);
	assert_memory_equal(b.data + 96, p->id, 16);
	blob_free(&b);
}

static void writes_every_compression_and_argon2ids_cost(void **state)
{
	struct seal_params p = kits[2].params, q;
	struct blob b;

	(void)state;
	p.cost = (struct kdf_cost){KDF_ARGON2ID, 3, 65536, 4};
	for (p.compression = 0; p.compression < 3; p.compression++) {
		b = seal(&p, &kits[2].key, "", 0);
		assert_int_equal(le(b.data + 12, 2), 2);
		assert_int_equal(le(b.data + 16, 4), 3);
		assert_int_equal(le(b.data + 20, 4), 65536);
		assert_int_equal(le(b.data + 24, 4), 4);
		assert_int_equal(le(b.data + 28, 4), p.compression);
		assert_int_equal(seal_parse(&q, &b), 0);
		assert_int_equal(q.compression, p.compression);
		assert_int_equal(q.cost.memory_kib, 65536);
		blob_free(&b);
	}
}

/* RFC 5869, section 2.3, for what fits into one block. */
static void expand_once(uint8_t out[32], const uint8_t master[32],
			const char *info)
{
	uint8_t message[64];
	size_t len = strlen(info);
	unsigned n;

	assert_true(len < sizeof(message));
	memcpy(message, info, len);
	message[len] = 1;
	assert_non_null(
		HMAC(EVP_sha256(), master, 32, message, len + 1, out, &n));
	assert_int_equal(n, 32);
}

/* What GCM makes of bytes, by libcrypto alone: false if the tag is wrong. */
struct gcm {
	const uint8_t *key, *nonce, *aad;
	int aad_len;
	const uint8_t *in;
	int len;
	const uint8_t *tag;
};

static bool gcm_open(const struct gcm *g, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool good = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, g->key,
				       g->nonce) == 1;

	if (g->aad_len > 0)
		good = good && EVP_DecryptUpdate(ctx, NULL, &n, g->aad,
						 g->aad_len) == 1;
	good = good && EVP_DecryptUpdate(ctx, out, &n, g->in, g->len) == 1;
	good = good && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, 16,
					   (void *)g->tag) == 1;
	good = good && EVP_DecryptFinal_ex(ctx, out, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}

static void derive_plainly(uint8_t master[32], const uint8_t salt[32])
{
	assert_int_equal(PKCS5_PBKDF2_HMAC(phrase, (int)strlen(phrase), salt,
					   32, ROUNDS, EVP_sha256(), 32,
					   master),
			 1);
}

static void format_1_opens_by_the_book(void **state)
{
	struct blob b = seal(&kits[1].params, &kits[1].key, "12345", 5);
	uint8_t key[32], out[5];
	struct gcm g = {key, b.data + 32, NULL, 0, b.data + 44, 5, b.data + 49};

	(void)state;
	assert_int_equal(b.len, 32 + 12 + 5 + 16);
	assert_memory_equal(b.data, kits[1].params.salt, 32);
	derive_plainly(key, b.data);
	assert_true(gcm_open(&g, out));
	assert_memory_equal(out, "12345", 5);
	blob_free(&b);
}

static void format_2_opens_by_the_book(void **state)
{
	struct blob b = seal(&kits[2].params, &kits[2].key, "12345", 5);
	uint8_t master[32], key[32], check[32], out[5];
	struct gcm g = {key,	      b.data + 64, b.data,	128,
			b.data + 128, 5,	   b.data + 133};

	(void)state;
	derive_plainly(master, b.data + 32);
	expand_once(check, master, "tazpod vault 2 key check");
	assert_memory_equal(b.data + 112, check, 16);
	expand_once(key, master, "tazpod vault 2 encryption");
	assert_true(gcm_open(&g, out));
	assert_memory_equal(out, "12345", 5);
	blob_free(&b);
}

static void parses_what_it_wrote(void **state)
{
	(void)state;
	for (int format = 1; format <= 2; format++) {
		const struct seal_params *p = &kits[format].params;
		struct blob b = seal(p, &kits[format].key, "12345", 5);
		struct seal_params q;

		memset(&q, 0x77, sizeof(q));
		assert_int_equal(seal_parse(&q, &b), 0);
		assert_int_equal(q.format, format);
		assert_int_equal(q.cost.kind, KDF_PBKDF2);
		assert_int_equal(q.cost.rounds, ROUNDS);
		assert_int_equal(q.cost.memory_kib, 0);
		assert_int_equal(q.cost.lanes, 0);
		assert_int_equal(q.compression, SEAL_GZIP);
		assert_memory_equal(q.salt, p->salt, sizeof(q.salt));
		assert_int_equal(q.generation, format == 2 ? p->generation : 0);
		assert_int_equal(q.time_ns, format == 2 ? p->time_ns : 0);
		if (format == 2)
			assert_memory_equal(q.id, p->id, sizeof(q.id));
		else
			assert_true(all_bytes(q.id, sizeof(q.id), 0));
		blob_free(&b);
	}
}

static void new_vaults_are_of_format_2_at_the_default_cost(void **state)
{
	struct seal_params p, q;

	(void)state;
	assert_int_equal(seal_params_new(&p), 0);
	assert_int_equal(seal_params_new(&q), 0);
	assert_int_equal(p.format, 2);
	assert_int_equal(p.cost.kind, KDF_PBKDF2);
	assert_int_equal(p.cost.rounds, 600000);
	assert_int_equal(p.cost.memory_kib, 0);
	assert_int_equal(p.cost.lanes, 0);
	assert_int_equal(p.compression, SEAL_GZIP);
	assert_int_equal(p.generation, 0);
	assert_memory_not_equal(p.id, q.id, sizeof(p.id));
	assert_memory_not_equal(p.salt, q.salt, sizeof(p.salt));
	q = p;
	assert_int_equal(seal_salt(&q), 0);
	assert_memory_not_equal(p.salt, q.salt, sizeof(p.salt));
	memcpy(q.salt, p.salt, sizeof(q.salt));
	assert_memory_equal(&p, &q, sizeof(p));
}

static void no_two_seals_share_a_nonce_or_a_ciphertext(void **state)
{
	enum { SEALS = 64 };
	static const char plain[] = "the same sixty-four bytes, again and "
				    "again, under the same key.";

	(void)state;
	for (int format = 1; format <= 2; format++) {
		size_t nonce = format == 1 ? 32 : 64;
		size_t body = format == 1 ? 44 : 128;
		struct blob b[SEALS];

		for (size_t i = 0; i < SEALS; i++)
			b[i] = seal(&kits[format].params, &kits[format].key,
				    plain, sizeof(plain));
		for (size_t i = 0; i / SEALS < SEALS; i++) {
			const uint8_t *x = b[i / SEALS].data;
			const uint8_t *y = b[i % SEALS].data;

			if (x == y)
				continue;
			assert_memory_not_equal(x + nonce, y + nonce, 12);
			assert_memory_not_equal(x + body, y + body, 16);
		}
		for (size_t i = 0; i < SEALS; i++)
			blob_free(&b[i]);
	}
}

static void no_plaintext_shows_in_a_vault(void **state)
{
	static const char plain[] = "these words are to be found nowhere";

	(void)state;
	for (int format = 1; format <= 2; format++) {
		struct blob b = seal(&kits[format].params, &kits[format].key,
				     plain, sizeof(plain));

		for (size_t i = 0; i + 4 <= sizeof(plain); i++)
			assert_null(memmem(b.data, b.len, plain + i, 4));
		blob_free(&b);
	}
}

/* Open path under pass and expect the start of a gzip stream. */
static void expect_gzip(const char *path, const struct secret *pass)
{
	struct blob b = read_file(path);
	struct seal_reader *r = NULL;
	struct secret key = {0};
	struct seal_params p;
	struct source source;
	uint8_t start[2];

	assert_int_equal(seal_parse(&p, &b), 0);
	assert_int_equal(p.format, 1);
	assert_int_equal(seal_derive(&key, &p, pass), 0);
	assert_int_equal(seal_verify(&b, &key), 0);
	assert_int_equal(seal_reader_new(&r, &b, &key), 0);
	source = seal_reader_source(r);
	assert_int_equal(source.read(source.ctx, start, 2), 2);
	assert_int_equal(start[0], 0x1f);
	assert_int_equal(start[1], 0x8b);
	seal_reader_free(r);
	secret_free(&key);
	blob_free(&b);
}

static void opens_what_the_go_program_sealed(void **state)
{
	static const char *const names[] = {"basic", "symlink", "unicode",
					    "empty"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];
		struct blob b;
		struct secret pass;

		(void)snprintf(path, sizeof(path),
			       "tests/data/go/go-%s.passphrase", names[i]);
		b = read_file(path);
		pass = secret_of(b.data, b.len);
		(void)snprintf(path, sizeof(path),
			       "tests/data/go/go-%s.tar.aes", names[i]);
		expect_gzip(path, &pass);
		blob_free(&b);
		/* One byte less, be it a space, is another passphrase. */
		pass.len--;
		b = read_file(path);
		assert_int_equal(derive_and_open(&b, &pass), -EKEYREJECTED);
		blob_free(&b);
		secret_free(&pass);
	}
}

/* See tests/data/seal/README.md. */
static void opens_what_python_sealed(void **state)
{
	struct secret pass = secret_of("fuzz", 4);

	(void)state;
	for (int format = 1; format <= 2; format++) {
		struct blob b =
			read_file(format == 1 ? "tests/data/seal/format-1"
					      : "tests/data/seal/format-2");

		assert_int_equal(derive_and_open(&b, &pass), 0);
		blob_free(&b);
	}
	secret_free(&pass);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_it_sealed_at_any_size),
		cmocka_unit_test(
			writes_each_field_of_format_2_where_it_belongs),
		cmocka_unit_test(writes_every_compression_and_argon2ids_cost),
		cmocka_unit_test(format_1_opens_by_the_book),
		cmocka_unit_test(format_2_opens_by_the_book),
		cmocka_unit_test(parses_what_it_wrote),
		cmocka_unit_test(
			new_vaults_are_of_format_2_at_the_default_cost),
		cmocka_unit_test(no_two_seals_share_a_nonce_or_a_ciphertext),
		cmocka_unit_test(no_plaintext_shows_in_a_vault),
		cmocka_unit_test(opens_what_the_go_program_sealed),
		cmocka_unit_test(opens_what_python_sealed),
	};

	if (crypto_start() != 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
