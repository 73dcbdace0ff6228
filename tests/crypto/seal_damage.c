/* SPDX-License-Identifier: MIT */
/* Envelopes as they should not be: cut, altered, or sealed by others. */
#include "common.h"
#include "crypto/crypto.h"
#include "crypto/seal.h"
#include "vaults.h"

static const char plain[] = "plain";
enum { PLAIN_LEN = 5, LEN_1 = 60 + PLAIN_LEN, LEN_2 = 144 + PLAIN_LEN };

/* A vault of each format, its key, and the passphrase of both. */
static struct kit {
	struct secret key;
	struct blob sealed;
} kits[3];
static struct secret pass;

static int setup(void **state)
{
	(void)state;
	pass = secret_of("right", 5);
	for (int format = 1; format <= 2; format++) {
		struct seal_params p = params_of(format);
		struct kit *k = &kits[format];

		assert_int_equal(seal_derive(&k->key, &p, &pass), 0);
		k->sealed = seal(&p, &k->key, plain, PLAIN_LEN);
	}
	assert_int_equal(kits[1].sealed.len, LEN_1);
	assert_int_equal(kits[2].sealed.len, LEN_2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int format = 1; format <= 2; format++) {
		secret_free(&kits[format].key);
		blob_free(&kits[format].sealed);
	}
	secret_free(&pass);
	return 0;
}

/* A copy that ends where its memory ends, so that no read past it is lost. */
static struct blob copy(const struct blob *b, size_t len)
{
	struct blob c = {blob_alloc(len > 0 ? len : 1), len};

	assert_non_null(c.data);
	memcpy(c.data, b->data, len);
	return c;
}

static void flip(struct blob *b, size_t bit)
{
	b->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* The salt is bound to the rest by the key alone, so that must be new. */
static void format_1_refuses_every_altered_bit(void **state)
{
	struct blob b = copy(&kits[1].sealed, LEN_1);

	(void)state;
	for (size_t bit = 0; bit / 8 < LEN_1; bit++) {
		flip(&b, bit);
		if (bit / 8 < 32)
			assert_int_equal(derive_and_open(&b, &pass),
					 -EKEYREJECTED);
		else
			assert_int_equal(try_open(&b, &kits[1].key),
					 -EKEYREJECTED);
		flip(&b, bit);
	}
	assert_int_equal(try_open(&b, &kits[1].key), 0);
	blob_free(&b);
}

/* What a bit flipped between two offsets of format 2 leads to. */
static const struct {
	size_t end;
	int err, or_err;
} spans[] = {
	{8, -EKEYREJECTED, -EKEYREJECTED}, /* magic: taken as format 1 */
	{12, -EBADMSG, -EBADMSG},	   /* header length */
	{16, -EPROTO, -EPROTO},		   /* KDF, cipher */
	{28, -EBADMSG, -EBADMSG},	   /* cost */
	{32, -EPROTO, -EBADMSG},	   /* compression: one is known */
	{112, -EBADMSG, -EBADMSG},
	{128, -EKEYREJECTED, -EKEYREJECTED}, /* key check */
	{LEN_2, -EBADMSG, -EBADMSG},
};

/* With the key of the unaltered vault, which is the strongest an owner has. */
static void format_2_refuses_every_altered_bit(void **state)
{
	struct blob b = copy(&kits[2].sealed, LEN_2);
	size_t span = 0;

	(void)state;
	for (size_t bit = 0; bit / 8 < LEN_2; bit++) {
		int err;

		if (bit / 8 == spans[span].end)
			span++;
		flip(&b, bit);
		err = try_open(&b, &kits[2].key);
		assert_true(err == spans[span].err ||
			    err == spans[span].or_err);
		flip(&b, bit);
	}
	assert_int_equal(try_open(&b, &kits[2].key), 0);
	blob_free(&b);
}

/* As an owner meets it who has only the passphrase.  One bit of each byte. */
static void format_2_refuses_an_altered_magic_salt_or_cost(void **state)
{
	struct blob b = copy(&kits[2].sealed, LEN_2);

	(void)state;
	for (size_t byte = 0; byte < 64; byte += byte == 7 ? 25 : 1) {
		flip(&b, byte * 8 + byte % 8);
		assert_int_equal(derive_and_open(&b, &pass), -EKEYREJECTED);
		flip(&b, byte * 8 + byte % 8);
	}
	/* 100,000 iterations become 100,001: a sane cost, another key. */
	b.data[16] ^= 1;
	assert_int_equal(derive_and_open(&b, &pass), -EKEYREJECTED);
	b.data[16] ^= 1;
	assert_int_equal(derive_and_open(&b, &pass), 0);
	blob_free(&b);
}

static void refuses_every_truncation(void **state)
{
	(void)state;
	for (int format = 1; format <= 2; format++) {
		const struct kit *k = &kits[format];

		for (size_t len = 0; len < k->sealed.len; len++) {
			struct blob cut = copy(&k->sealed, len);
			int want = format == 1 ? -EKEYREJECTED : -EBADMSG;

			if (len < 60)
				want = -ENODATA;
			assert_int_equal(try_open(&cut, &k->key), want);
			blob_free(&cut);
		}
	}
}

/* A session that holds a key already may ask without seal_parse(). */
static void verify_alone_refuses_every_truncation(void **state)
{
	(void)state;
	for (int format = 1; format <= 2; format++) {
		const struct kit *k = &kits[format];

		for (size_t len = 0; len < k->sealed.len; len++) {
			struct blob cut = copy(&k->sealed, len);
			struct seal_reader *r = NULL;

			assert_true(seal_verify(&cut, &k->key) < 0);
			assert_true(seal_reader_new(&r, &cut, &k->key) < 0);
			assert_null(r);
			blob_free(&cut);
		}
	}
}

static void refuses_bytes_at_the_end_or_the_start(void **state)
{
	(void)state;
	for (int format = 1; format <= 2; format++) {
		const struct kit *k = &kits[format];
		struct blob b = {blob_alloc(k->sealed.len + 1),
				 k->sealed.len + 1};

		assert_non_null(b.data);
		memcpy(b.data, k->sealed.data, k->sealed.len);
		assert_int_equal(try_open(&b, &k->key),
				 format == 1 ? -EKEYREJECTED : -EBADMSG);
		b.data[0] = 0;
		memcpy(b.data + 1, k->sealed.data, k->sealed.len);
		assert_int_equal(derive_and_open(&b, &pass), -EKEYREJECTED);
		blob_free(&b);
	}
}

static void refuses_what_was_cut_in_a_later_window(void **state)
{
	enum { LEN = 200000 };
	uint8_t *bytes = calloc(1, LEN);

	(void)state;
	assert_non_null(bytes);
	for (int format = 1; format <= 2; format++) {
		const struct kit *k = &kits[format];
		int want = format == 1 ? -EKEYREJECTED : -EBADMSG;
		struct seal_params p;
		struct blob b;

		assert_int_equal(seal_parse(&p, &k->sealed), 0);
		b = seal(&p, &k->key, bytes, LEN);
		assert_int_equal(try_open(&b, &k->key), 0);
		for (size_t at = 200; at < b.len; at += 65536 / 2) {
			flip(&b, at * 8);
			assert_int_equal(try_open(&b, &k->key), want);
			flip(&b, at * 8);
		}
		b.len -= 65536;
		assert_int_equal(try_open(&b, &k->key), want);
		blob_free(&b);
	}
	free(bytes);
}

static void tells_a_wrong_passphrase_from_damage_in_format_2(void **state)
{
	struct secret wrong = secret_of("wrong", 5), none = {0};
	struct blob b = copy(&kits[2].sealed, LEN_2);

	(void)state;
	assert_int_equal(derive_and_open(&b, &pass), 0);
	assert_int_equal(derive_and_open(&b, &wrong), -EKEYREJECTED);
	assert_int_equal(derive_and_open(&b, &none), -EKEYREJECTED);
	b.data[LEN_2 - 1] ^= 0x80;
	assert_int_equal(derive_and_open(&b, &pass), -EBADMSG);
	assert_int_equal(derive_and_open(&b, &wrong), -EKEYREJECTED);
	blob_free(&b);
	secret_free(&wrong);
}

static void says_the_same_of_both_in_format_1(void **state)
{
	struct secret wrong = secret_of("right\n", 6);
	struct blob b = copy(&kits[1].sealed, LEN_1);

	(void)state;
	assert_int_equal(derive_and_open(&b, &pass), 0);
	assert_int_equal(derive_and_open(&b, &wrong), -EKEYREJECTED);
	b.data[LEN_1 - 1] ^= 0x80;
	assert_int_equal(derive_and_open(&b, &pass), -EKEYREJECTED);
	blob_free(&b);
	secret_free(&wrong);
}

static void a_key_opens_only_its_own_format(void **state)
{
	struct seal_params p;
	struct secret key = {0};

	(void)state;
	assert_int_equal(try_open(&kits[1].sealed, &kits[2].key),
			 -EKEYREJECTED);
	assert_int_equal(try_open(&kits[2].sealed, &kits[1].key),
			 -EKEYREJECTED);
	/* Even where passphrase, salt and cost are the same. */
	assert_int_equal(seal_parse(&p, &kits[2].sealed), 0);
	p.format = 1;
	assert_int_equal(seal_derive(&key, &p, &pass), 0);
	assert_int_equal(try_open(&kits[2].sealed, &key), -EKEYREJECTED);
	secret_free(&key);
}

/* Bytes put into a header of format 2, and what seal_parse() says of them. */
static const struct change {
	size_t at;
	const char *bytes;
	int err;
} changes[] = {
	{8, "7f000000", -EBADMSG},
	{8, "81000000", -EBADMSG},
	{8, "00000000", -EBADMSG},
	{8, "80000001", -EBADMSG},
	{8, "ffffffff", -EBADMSG},
	{12, "0000", -EPROTO},
	{12, "0300", -EPROTO},
	{12, "0101", -EPROTO},
	{14, "0000", -EPROTO},
	{14, "0200", -EPROTO},
	{14, "0180", -EPROTO},
	{16, "00000000", -EBADMSG},
	{16, "9f860100", -EBADMSG},
	{16, "a0860100", 0},
	{16, "80969800", 0},
	{16, "81969800", -EBADMSG},
	{16, "ffffffff", -EBADMSG},
	{20, "01000000", -EBADMSG},
	{24, "01000000", -EBADMSG},
	{28, "00000000", 0},
	{28, "02000000", 0},
	{28, "03000000", -EPROTO},
	{28, "01000001", -EPROTO},
	{76, "01000000", -EBADMSG},
	{76, "00000080", -EBADMSG},
	/* Argon2id: KDF 2, cipher 1, then passes, memory and lanes. */
	{12, "02000100010000000020000001000000", 0},
	{12, "02000100400000000000400010000000", 0},
	{12, "02000100000000000020000001000000", -EBADMSG},
	{12, "02000100410000000020000001000000", -EBADMSG},
	{12, "0200010001000000ff1f000001000000", -EBADMSG},
	{12, "02000100010000000100400001000000", -EBADMSG},
	{12, "0200010001000000ffffffff01000000", -EBADMSG},
	{12, "02000100010000000020000000000000", -EBADMSG},
	{12, "02000100010000000020000011000000", -EBADMSG},
};

static void parse_judges_each_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct hex bytes = hex(changes[i].bytes);
		struct blob b = copy(&kits[2].sealed, LEN_2);
		struct seal_params p;

		memcpy(b.data + changes[i].at, bytes.data, bytes.len);
		assert_int_equal(seal_parse(&p, &b), changes[i].err);
		blob_free(&b);
	}
}

static void parse_leaves_the_result_alone_when_it_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct hex bytes = hex(changes[i].bytes);
		struct blob b = copy(&kits[2].sealed, LEN_2);
		struct seal_params p;

		memset(&p, 0x77, sizeof(p));
		memcpy(b.data + changes[i].at, bytes.data, bytes.len);
		if (seal_parse(&p, &b) != 0)
			assert_true(all_bytes((uint8_t *)&p, sizeof(p), 0x77));
		blob_free(&b);
	}
}

static void parse_knows_what_is_too_short(void **state)
{
	struct blob none = {0}, b = copy(&kits[2].sealed, LEN_2);
	struct seal_params p;

	(void)state;
	assert_int_equal(seal_parse(&p, &none), -ENODATA);
	b.len = 59;
	assert_int_equal(seal_parse(&p, &b), -ENODATA);
	b.len = 60;
	assert_int_equal(seal_parse(&p, &b), -EBADMSG);
	b.len = 143;
	assert_int_equal(seal_parse(&p, &b), -EBADMSG);
	b.len = 144;
	assert_int_equal(seal_parse(&p, &b), 0);
	b.data[0] = 't'; /* no magic: format 1 */
	b.len = 59;
	assert_int_equal(seal_parse(&p, &b), -ENODATA);
	b.len = 60;
	assert_int_equal(seal_parse(&p, &b), 0);
	assert_int_equal(p.format, 1);
	b.len = LEN_2;
	blob_free(&b);
}

static void derives_nothing_at_an_absurd_cost(void **state)
{
	struct seal_params p = params_of(2);
	struct secret key = {0};

	(void)state;
	p.cost.rounds = UINT32_MAX;
	assert_int_equal(seal_derive(&key, &p, &pass), -EBADMSG);
	p.cost = (struct kdf_cost){KDF_ARGON2ID, 1, UINT32_MAX, 1};
	assert_int_equal(seal_derive(&key, &p, &pass), -EBADMSG);
	p.cost = (struct kdf_cost){99, 1, 1, 1};
	assert_int_equal(seal_derive(&key, &p, &pass), -EPROTO);
	assert_null(key.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_1_refuses_every_altered_bit),
		cmocka_unit_test(format_2_refuses_every_altered_bit),
		cmocka_unit_test(
			format_2_refuses_an_altered_magic_salt_or_cost),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(verify_alone_refuses_every_truncation),
		cmocka_unit_test(refuses_bytes_at_the_end_or_the_start),
		cmocka_unit_test(refuses_what_was_cut_in_a_later_window),
		cmocka_unit_test(
			tells_a_wrong_passphrase_from_damage_in_format_2),
		cmocka_unit_test(says_the_same_of_both_in_format_1),
		cmocka_unit_test(a_key_opens_only_its_own_format),
		cmocka_unit_test(parse_judges_each_field),
		cmocka_unit_test(parse_leaves_the_result_alone_when_it_refuses),
		cmocka_unit_test(parse_knows_what_is_too_short),
		cmocka_unit_test(derives_nothing_at_an_absurd_cost),
	};

	if (crypto_start() != 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
