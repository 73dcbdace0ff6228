/* SPDX-License-Identifier: MIT */
#include "crypto/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The examples of FIPS 180-2, appendix B, and the digest of nothing. */
static void gives_the_published_digests(void **state)
{
	static const struct {
		const char *text;
		uint8_t digest[DIGEST_LEN];
	} vectors[] = {
		{"abc", {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
			 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
			 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
			 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad}},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 {0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8,
		  0xe5, 0xc0, 0x26, 0x93, 0x0c, 0x3e, 0x60, 0x39,
		  0xa3, 0x3c, 0xe4, 0x59, 0x64, 0xff, 0x21, 0x67,
		  0xf6, 0xec, 0xed, 0xd4, 0x19, 0xdb, 0x06, 0xc1}},
		{"", {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
		      0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
		      0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
		      0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}},
	};
	struct digest *d = NULL;
	uint8_t out[DIGEST_LEN];

	(void)state;
	assert_int_equal(digest_new(&d), 0);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		assert_int_equal(digest_sha256(out,
					       (const uint8_t *)vectors[i].text,
					       strlen(vectors[i].text)),
				 0);
		assert_memory_equal(out, vectors[i].digest, DIGEST_LEN);
	}
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct sink to = digest_sink(d);
		const uint8_t *p = (const uint8_t *)vectors[i].text;

		for (; *p != '\0'; p++)
			assert_int_equal(to.write(to.ctx, p, 1), 0);
		assert_int_equal(digest_end(d, out), 0);
		assert_memory_equal(out, vectors[i].digest, DIGEST_LEN);
	}
	digest_free(d);
	assert_int_equal(digest_sha256(out, NULL, 0), 0);
	assert_memory_equal(out, vectors[2].digest, DIGEST_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_published_digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
