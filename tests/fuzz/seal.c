/* SPDX-License-Identifier: MIT */
/*
 * The envelope of a vault.  The key is that of the seeds, derived once, so
 * that inputs get past the key check and, unaltered, past the tag.
 */
#include "crypto/seal.h"
#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

/* tests/data/seal/make.py seals with the same. */
static void make_key(struct secret *ret, int format)
{
	struct seal_params p = {
		.format = format,
		.cost = {.kind = KDF_PBKDF2, .rounds = SEAL_ROUNDS_1},
	};
	struct secret pass;

	for (int i = 0; i < KDF_SALT_LEN; i++)
		p.salt[i] = (uint8_t)(0x20 + i);
	if (secret_alloc(&pass, 4) != 0)
		abort();
	memcpy(pass.data, "fuzz", 4);
	if (seal_derive(ret, &p, &pass) != 0)
		abort();
	secret_free(&pass);
}

/* What was verified must come out whole: all of it but its envelope. */
static void read_all(const struct blob *in, const struct secret *key,
		     size_t envelope)
{
	struct seal_reader *r = NULL;
	struct source source;
	uint8_t buf[1000];
	size_t len = 0;
	ssize_t n;

	if (seal_reader_new(&r, in, key) != 0)
		abort();
	source = seal_reader_source(r);
	while ((n = source.read(source.ctx, buf, sizeof(buf))) > 0)
		len += (size_t)n;
	if (n < 0 || len + envelope != in->len)
		abort();
	seal_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct secret keys[3];
	struct blob in = {(uint8_t *)data, len};
	struct seal_params p;

	if (keys[1].data == NULL) {
		if (crypto_start() != 0)
			abort();
		make_key(&keys[1], 1);
		make_key(&keys[2], 2);
	}
	if (seal_parse(&p, &in) != 0)
		return 0;
	/* No input may make a reader work for hours. */
	if (kdf_check(&p.cost) != 0 || p.compression > SEAL_ZSTD ||
	    (p.format != 1 && p.format != 2))
		abort();
	if (seal_verify(&in, &keys[p.format]) == 0)
		read_all(&in, &keys[p.format],
			 p.format == 1 ? 60 : SEAL_HEADER_LEN + AEAD_TAG_LEN);
	return 0;
}
