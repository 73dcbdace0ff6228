/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_VAULTS_H
#define TZ_TESTS_VAULTS_H

/* Vaults to test with, sealed and opened by way of crypto/seal.h. */

#include "common.h"
#include "crypto/seal.h"

#include <errno.h>
#include <stdlib.h>

/* The cheapest that a reader of format 2 takes, and the cost of format 1. */
enum { ROUNDS = 100000 };

static inline struct secret secret_of(const void *p, size_t len)
{
	struct secret s;

	assert_int_equal(secret_alloc(&s, len), 0);
	memcpy(s.data, p, len);
	return s;
}

static inline struct seal_params params_of(int format)
{
	struct seal_params p;

	assert_int_equal(seal_params_new(&p), 0);
	p.format = format;
	p.cost.rounds = ROUNDS;
	p.generation = 0x1122334455667788;
	p.time_ns = 0x99aabbccddeeff01;
	return p;
}

/* Bytes without a period that a window could hide. */
static inline void pattern(uint8_t *p, size_t len)
{
	uint32_t x = 2463534242;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		p[i] = (uint8_t)x;
	}
}

/* Seal len bytes, handed over in parts of step bytes. */
static inline struct blob seal_in_parts(const struct seal_params *p,
					const struct secret *key,
					const uint8_t *plain, size_t len,
					size_t step)
{
	struct seal_writer *w = NULL;
	struct blob_builder out = {0};
	struct sink sink;

	assert_int_equal(seal_writer_new(&w, p, key, blob_sink(&out)), 0);
	sink = seal_writer_sink(w);
	for (size_t at = 0; at < len; at += step) {
		size_t n = len - at < step ? len - at : step;

		assert_int_equal(sink.write(sink.ctx, plain + at, n), 0);
	}
	assert_int_equal(seal_writer_finish(w), 0);
	seal_writer_free(w);
	return out.blob;
}

static inline struct blob seal(const struct seal_params *p,
			       const struct secret *key, const void *plain,
			       size_t len)
{
	return seal_in_parts(p, key, plain, len, len + 1);
}

/* Read all of source, at most step bytes at a time, into buf: their number. */
static inline size_t read_all(struct source source, uint8_t *buf, size_t room,
			      size_t step)
{
	size_t len = 0;
	ssize_t n;

	do {
		size_t want = room - len < step ? room - len : step;

		n = source.read(source.ctx, buf + len, want);
		assert_true(n >= 0 && (size_t)n <= want);
		len += (size_t)n;
	} while (n > 0);
	return len;
}

/* Where a blob is read from, in pieces that fit nothing. */
struct reading {
	const struct blob *blob;
	size_t at;
};

static inline ssize_t read_piece(void *ctx, uint8_t *buf, size_t len)
{
	struct reading *r = ctx;
	size_t n = r->blob->len - r->at;

	n = n < len ? n : len;
	n = n < 1009 ? n : 1009;
	if (n > 0)
		memcpy(buf, r->blob->data + r->at, n);
	r->at += n;
	return (ssize_t)n;
}

static inline int verify_streamed(const struct blob *sealed,
				  const struct secret *key)
{
	struct reading r = {sealed, 0};

	return seal_verify_stream((struct source){read_piece, &r}, key);
}

/* As a caller does it: parse, then read.  0, or why it was refused. */
static inline int try_open(const struct blob *sealed, const struct secret *key)
{
	struct seal_reader *r = NULL;
	struct seal_params p;
	int err = seal_parse(&p, sealed), verified;

	if (err != 0)
		return err;
	verified = seal_verify(sealed, key);
	assert_int_equal(verify_streamed(sealed, key), verified);
	err = seal_reader_new(&r, sealed, key);
	assert_int_equal(err, verified);
	if (err != 0)
		assert_null(r);
	seal_reader_free(r);
	return err;
}

/* As try_open(), with the key that the envelope itself leads to. */
static inline int derive_and_open(const struct blob *sealed,
				  const struct secret *passphrase)
{
	struct secret key = {0};
	struct seal_params p;
	int err = seal_parse(&p, sealed);

	if (err == 0)
		err = seal_derive(&key, &p, passphrase);
	if (err == 0)
		err = try_open(sealed, &key);
	secret_free(&key);
	return err;
}

static inline struct blob read_file(const char *path)
{
	FILE *f = fopen(path, "rbe");
	struct blob b = {blob_alloc(1 << 20), 0};

	if (f == NULL)
		fail_msg("%s: cannot open it", path);
	assert_non_null(b.data);
	b.len = fread(b.data, 1, 1 << 20, f);
	assert_int_equal(fclose(f), 0);
	return b;
}

#endif
