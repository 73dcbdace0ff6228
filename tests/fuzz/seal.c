/* SPDX-License-Identifier: MIT */
/*
 * The envelope of a vault.  The key is that of the seeds, derived once, so
 * that inputs get past the key check and, unaltered, past the tag.  And each
 * input is sealed, under the envelope that it begins with, so that any bytes
 * get past it; what was sealed must come out, and no byte of it may change.
 */
#include "crypto/seal.h"
#include "crypto/blob.h"
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

static void seal(struct blob *out, const struct seal_params *p,
		 const struct secret *key, const struct blob *plain)
{
	struct blob_builder b = {0};
	struct seal_writer *w = NULL;
	struct sink sink;

	if (seal_writer_new(&w, p, key, blob_sink(&b)) != 0)
		abort();
	sink = seal_writer_sink(w);
	if (sink.write(sink.ctx, plain->data, plain->len) != 0 ||
	    seal_writer_finish(w) != 0)
		abort();
	seal_writer_free(w);
	*out = b.blob;
}

struct input {
	const struct blob *b;
	size_t at, step;
};

static ssize_t input_read(void *ctx, uint8_t *buf, size_t len)
{
	struct input *in = ctx;
	size_t n = in->b->len - in->at;

	if (n > len)
		n = len;
	if (n > in->step)
		n = in->step;
	if (n > 0)
		memcpy(buf, in->b->data + in->at, n);
	in->at += n;
	return (ssize_t)n;
}

static void seal_and_open(const struct seal_params *p, const struct secret *key,
			  const struct blob *plain)
{
	struct blob out = {0};
	struct input in = {&out, 0, 1 + plain->len % 5000};
	const struct source from = {input_read, &in};
	struct seal_params q;
	size_t at;

	seal(&out, p, key, plain);
	if (seal_parse(&q, &out) != 0 || q.generation != p->generation ||
	    q.compression != p->compression || q.time_ns != p->time_ns ||
	    seal_verify_stream(from, key) != 0)
		abort();
	read_all(&out, key, out.len - plain->len);
	/* Of format 1, the salt is held by the key alone, which is given here.
	 */
	at = KDF_SALT_LEN + plain->len * 7919 % (out.len - KDF_SALT_LEN);
	out.data[at] ^= 1 << plain->len % 8;
	if (seal_verify(&out, key) == 0)
		abort();
	blob_free(&out);
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
	seal_and_open(&p, &keys[p.format], &in);
	return 0;
}
