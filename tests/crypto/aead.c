/* SPDX-License-Identifier: MIT */
#include "crypto/aead.h"
#include "common.h"
#include "crypto/crypto.h"
#include "crypto/mem.h"

#include <errno.h>

/*
 * AES-256-GCM test cases 13 to 16 of McGrew and Viega, "The Galois/Counter
 * Mode of Operation", appendix B.
 */
#define KEY_0 "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY_1 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define PLAIN_60                                                               \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"     \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define SEALED_60                                                              \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"     \
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"

static const struct vector {
	const char *key, *nonce, *aad, *plain, *sealed, *tag;
} vectors[] = {
	{KEY_0, "000000000000000000000000", "", "", "",
	 "530f8afbc74536b9a963b4f1c4cb738b"},
	{KEY_0, "000000000000000000000000", "",
	 "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
	 "d0d1c8a799996bf0265b98b5d48ab919"},
	{KEY_1, "cafebabefacedbaddecaf888", "", PLAIN_60 "1aafd255",
	 SEALED_60 "898015ad", "b094dac5d93471bdec1a502270e3cc6c"},
	{KEY_1, "cafebabefacedbaddecaf888",
	 "feedfacedeadbeeffeedfacedeadbeefabaddad2", PLAIN_60, SEALED_60,
	 "76fc6ece0f4e1768cddf8853bb2d551b"},
};
enum { VECTORS = sizeof(vectors) / sizeof(vectors[0]) };

/* One message, with the bytes of a vector in it. */
struct message {
	struct hex key, nonce, aad, plain, sealed, tag;
};

static struct message message(const struct vector *v)
{
	struct message m = {
		.key = hex(v->key),
		.nonce = hex(v->nonce),
		.aad = hex(v->aad),
		.plain = hex(v->plain),
		.sealed = hex(v->sealed),
		.tag = hex(v->tag),
	};

	assert_int_equal(m.key.len, AEAD_KEY_LEN);
	assert_int_equal(m.nonce.len, AEAD_NONCE_LEN);
	assert_int_equal(m.tag.len, AEAD_TAG_LEN);
	return m;
}

static struct aead_start start_of(const struct message *m)
{
	return (struct aead_start){
		.key = m->key.data,
		.nonce = m->nonce.data,
		.aad = m->aad.data,
		.aad_len = m->aad.len,
	};
}

/* Pass in through a, in parts of step bytes, and 0 bytes now and then. */
static void update(struct aead *a, uint8_t *out, const struct hex *in,
		   size_t step)
{
	for (size_t at = 0; at < in->len; at += step) {
		size_t n = in->len - at < step ? in->len - at : step;

		assert_int_equal(aead_update(a, out + at, in->data + at, n), 0);
		assert_int_equal(aead_update(a, out + at, in->data + at, 0), 0);
	}
}

/* Open m in parts of step bytes: the error of aead_open_end(). */
static int open_message(const struct message *m, uint8_t *out, size_t step)
{
	struct aead_start start = start_of(m);
	struct aead *a = NULL;
	int err;

	assert_int_equal(aead_open_begin(&a, &start), 0);
	update(a, out, &m->sealed, step);
	err = aead_open_end(a, m->tag.data);
	aead_free(a);
	return err;
}

static void seals_the_published_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		for (size_t step = 1; step <= 64; step++) {
			struct message m = message(&vectors[i]);
			struct aead_start start = start_of(&m);
			uint8_t out[HEX_MAX], tag[AEAD_TAG_LEN];
			struct aead *a = NULL;

			assert_int_equal(aead_seal_begin(&a, &start), 0);
			update(a, out, &m.plain, step);
			assert_int_equal(aead_seal_end(a, tag), 0);
			aead_free(a);
			assert_memory_equal(out, m.sealed.data, m.sealed.len);
			assert_memory_equal(tag, m.tag.data, sizeof(tag));
		}
	}
}

static void opens_the_published_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		for (size_t step = 1; step <= 64; step++) {
			struct message m = message(&vectors[i]);
			uint8_t out[HEX_MAX];

			assert_int_equal(open_message(&m, out, step), 0);
			assert_memory_equal(out, m.plain.data, m.plain.len);
		}
	}
}

static void works_in_place(void **state)
{
	struct message m = message(&vectors[3]);
	struct aead_start start = start_of(&m);
	struct hex buf = m.plain;
	uint8_t tag[AEAD_TAG_LEN];
	struct aead *a = NULL;

	(void)state;
	assert_int_equal(aead_seal_begin(&a, &start), 0);
	update(a, buf.data, &buf, 7);
	assert_int_equal(aead_seal_end(a, tag), 0);
	aead_free(a);
	assert_memory_equal(buf.data, m.sealed.data, buf.len);

	assert_int_equal(aead_open_begin(&a, &start), 0);
	update(a, buf.data, &buf, 7);
	assert_int_equal(aead_open_end(a, tag), 0);
	aead_free(a);
	assert_memory_equal(buf.data, m.plain.data, buf.len);
}

/* Flip each bit of part, which is a part of m, and expect m to be refused. */
static void refuse_each_bit(struct message *m, struct hex *part)
{
	uint8_t out[HEX_MAX];

	assert_true(part->len > 0);
	for (size_t bit = 0; bit < part->len * 8; bit++) {
		part->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(open_message(m, out, HEX_MAX), -EBADMSG);
		part->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(open_message(m, out, HEX_MAX), 0);
}

static void refuses_every_altered_bit(void **state)
{
	struct message m = message(&vectors[3]);

	(void)state;
	refuse_each_bit(&m, &m.key);
	refuse_each_bit(&m, &m.nonce);
	refuse_each_bit(&m, &m.aad);
	refuse_each_bit(&m, &m.sealed);
	refuse_each_bit(&m, &m.tag);
}

static void refuses_every_altered_bit_of_an_empty_message(void **state)
{
	struct message m = message(&vectors[0]);

	(void)state;
	refuse_each_bit(&m, &m.key);
	refuse_each_bit(&m, &m.nonce);
	refuse_each_bit(&m, &m.tag);
}

static void refuses_a_shorter_and_a_longer_message(void **state)
{
	struct message m = message(&vectors[3]);
	uint8_t out[HEX_MAX];
	size_t whole = m.sealed.len;

	(void)state;
	for (m.sealed.len = 0; m.sealed.len < whole + 17; m.sealed.len++)
		assert_int_equal(open_message(&m, out, HEX_MAX),
				 m.sealed.len == whole ? 0 : -EBADMSG);
	m.sealed.len = whole;
	for (m.aad.len = 0; m.aad.len < 37; m.aad.len++)
		assert_int_equal(open_message(&m, out, HEX_MAX),
				 m.aad.len == 20 ? 0 : -EBADMSG);
}

static void frees_a_message_that_never_ended(void **state)
{
	struct message m = message(&vectors[3]);
	struct aead_start start = start_of(&m);
	struct aead *a = NULL;
	size_t locked = mem_locked();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(aead_seal_begin(&a, &start), 0);
		aead_free(a);
	}
	aead_free(NULL);
	/* A context is some hundred bytes: 10,000 lost ones would show. */
	assert_true(mem_locked() <= locked + (1 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_the_published_vectors),
		cmocka_unit_test(opens_the_published_vectors),
		cmocka_unit_test(works_in_place),
		cmocka_unit_test(refuses_every_altered_bit),
		cmocka_unit_test(refuses_every_altered_bit_of_an_empty_message),
		cmocka_unit_test(refuses_a_shorter_and_a_longer_message),
		cmocka_unit_test(frees_a_message_that_never_ended),
	};

	if (crypto_start() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
