/* SPDX-License-Identifier: MIT */
#include "seal.h"

#include "mem.h"

#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <string.h>

static const uint8_t magic[8] = "TAZPOD2\n";

enum {
	HEADER_LEN_1 = KDF_SALT_LEN + AEAD_NONCE_LEN,
	NONCE_AT_1 = 32,
	NONCE_AT_2 = 64,
	CHECK_AT_2 = 112,
	CIPHER_AES_256_GCM = 1,
	WINDOW = 64 << 10,
};

/* The inside of the secret that seal_derive() makes. */
struct keys {
	uint8_t enc[AEAD_KEY_LEN];
	uint8_t check[SEAL_CHECK_LEN]; /* format 2 */
};

/*
 * A cursor over untrusted bytes.  Once it has run short it stays bad and
 * yields zeros, so callers may read a whole record and ask once, at its end.
 */
struct cursor {
	const uint8_t *p;
	size_t left;
	bool bad;
};

static const uint8_t *take(struct cursor *c, size_t n)
{
	static const uint8_t zeros[32];
	const uint8_t *p = c->p;

	if (c->bad || c->left < n) {
		c->bad = true;
		return zeros;
	}
	c->p += n;
	c->left -= n;
	return p;
}

static uint64_t take_le(struct cursor *c, size_t n)
{
	const uint8_t *p = take(c, n);
	uint64_t v = 0;

	for (size_t i = n; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static void put_le(uint8_t **p, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		*(*p)++ = (uint8_t)v;
}

static void put(uint8_t **p, const uint8_t *bytes, size_t n)
{
	memcpy(*p, bytes, n);
	*p += n;
}

static int random_bytes(uint8_t *out, size_t n)
{
	return RAND_bytes(out, (int)n) == 1 ? 0 : -EIO;
}

int seal_salt(struct seal_params *p)
{
	return random_bytes(p->salt, sizeof(p->salt));
}

int seal_params_new(struct seal_params *ret)
{
	struct seal_params p = {
		.format = 2,
		.cost = {.kind = KDF_PBKDF2, .rounds = SEAL_ROUNDS},
		.compression = SEAL_GZIP,
	};

	if (random_bytes(p.id, sizeof(p.id)) != 0 || seal_salt(&p) != 0)
		return -EIO;
	*ret = p;
	return 0;
}

static int parse_2(struct seal_params *ret, const struct blob *sealed)
{
	struct cursor c = {sealed->data, sealed->len, false};
	struct seal_params p = {.format = 2};
	uint64_t len, cipher, reserved;
	int err;

	take(&c, sizeof(magic));
	len = take_le(&c, 4);
	p.cost.kind = (uint16_t)take_le(&c, 2);
	cipher = take_le(&c, 2);
	p.cost.rounds = (uint32_t)take_le(&c, 4);
	p.cost.memory_kib = (uint32_t)take_le(&c, 4);
	p.cost.lanes = (uint32_t)take_le(&c, 4);
	p.compression = (uint32_t)take_le(&c, 4);
	memcpy(p.salt, take(&c, sizeof(p.salt)), sizeof(p.salt));
	take(&c, AEAD_NONCE_LEN);
	reserved = take_le(&c, 4);
	p.generation = take_le(&c, 8);
	p.time_ns = take_le(&c, 8);
	memcpy(p.id, take(&c, sizeof(p.id)), sizeof(p.id));
	take(&c, SEAL_CHECK_LEN);
	if (c.bad || c.left < AEAD_TAG_LEN || len != SEAL_HEADER_LEN ||
	    reserved != 0)
		return -EBADMSG;
	if (cipher != CIPHER_AES_256_GCM || p.compression > SEAL_ZSTD)
		return -EPROTO;
	err = kdf_check(&p.cost);
	if (err == 0)
		*ret = p;
	return err;
}

int seal_parse(struct seal_params *ret, const struct blob *sealed)
{
	struct seal_params p = {
		.format = 1,
		.cost = {.kind = KDF_PBKDF2, .rounds = SEAL_ROUNDS_1},
		.compression = SEAL_GZIP,
	};

	if (sealed->len < SEAL_MIN_LEN)
		return -ENODATA;
	if (memcmp(sealed->data, magic, sizeof(magic)) == 0)
		return parse_2(ret, sealed);
	memcpy(p.salt, sealed->data, sizeof(p.salt));
	*ret = p;
	return 0;
}

int seal_derive(struct secret *ret, const struct seal_params *p,
		const struct secret *passphrase)
{
	struct secret out = {0}, master = {0};
	struct keys *keys;
	int err;

	err = secret_alloc(&out, sizeof(*keys));
	if (err == 0)
		err = secret_alloc(&master, KDF_KEY_LEN);
	if (err != 0)
		goto out;
	keys = (struct keys *)(void *)out.data;
	err = kdf_derive(master.data, &p->cost, p->salt, passphrase);
	if (err != 0)
		goto out;
	if (p->format == 1) {
		memcpy(keys->enc, master.data, sizeof(keys->enc));
	} else {
		err = kdf_expand(keys->enc, sizeof(keys->enc), &master,
				 "tazpod vault 2 encryption");
		if (err == 0)
			err = kdf_expand(keys->check, sizeof(keys->check),
					 &master, "tazpod vault 2 key check");
		if (err != 0)
			goto out;
	}
	*ret = out;
	out = (struct secret){0};
out:
	secret_free(&master);
	secret_free(&out);
	return err;
}

static const struct keys *keys_of(const struct secret *key)
{
	return (const struct keys *)(const void *)key->data;
}

/* Where the parts of one envelope lie. */
struct layout {
	int format;
	struct aead_start start;
	const uint8_t *body, *tag;
	size_t body_len;
};

/* 0, or -EBADMSG if there is no room for them. */
static int lay_out(struct layout *l, const struct blob *sealed,
		   const struct secret *key)
{
	bool two = sealed->len >= sizeof(magic) &&
		   memcmp(sealed->data, magic, sizeof(magic)) == 0;
	size_t header = two ? SEAL_HEADER_LEN : HEADER_LEN_1;

	if (sealed->len < header + AEAD_TAG_LEN)
		return -EBADMSG;
	*l = (struct layout){
		.format = two ? 2 : 1,
		.start =
			{
				.key = keys_of(key)->enc,
				.nonce = sealed->data +
					 (two ? NONCE_AT_2 : NONCE_AT_1),
				.aad = two ? sealed->data : NULL,
				.aad_len = two ? SEAL_HEADER_LEN : 0,
			},
		.body = sealed->data + header,
		.body_len = sealed->len - header - AEAD_TAG_LEN,
		.tag = sealed->data + sealed->len - AEAD_TAG_LEN,
	};
	return 0;
}

int seal_verify(const struct blob *sealed, const struct secret *key)
{
	uint8_t *window;
	struct aead *a = NULL;
	struct layout l;
	int err = lay_out(&l, sealed, key);

	if (err != 0)
		return err;
	if (l.format == 2 &&
	    CRYPTO_memcmp(sealed->data + CHECK_AT_2, keys_of(key)->check,
			  SEAL_CHECK_LEN) != 0)
		return -EKEYREJECTED;
	window = mem_alloc(WINDOW);
	err = window != NULL ? aead_open_begin(&a, &l.start) : -ENOMEM;
	for (size_t at = 0; err == 0 && at < l.body_len; at += WINDOW) {
		size_t n = l.body_len - at < WINDOW ? l.body_len - at : WINDOW;

		err = aead_update(a, window, l.body + at, n);
	}
	if (err == 0)
		err = aead_open_end(a, l.tag);
	if (err == -EBADMSG && l.format == 1)
		err = -EKEYREJECTED;
	aead_free(a);
	mem_free(window);
	return err;
}

struct seal_reader {
	struct aead *aead;
	const uint8_t *p;
	size_t left;
};

int seal_reader_new(struct seal_reader **ret, const struct blob *sealed,
		    const struct secret *key)
{
	struct seal_reader *r;
	struct layout l;
	int err = seal_verify(sealed, key);

	if (err == 0)
		err = lay_out(&l, sealed, key);
	if (err != 0)
		return err;
	r = mem_alloc(sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	r->p = l.body;
	r->left = l.body_len;
	err = aead_open_begin(&r->aead, &l.start);
	if (err != 0) {
		seal_reader_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

static ssize_t reader_read(void *ctx, uint8_t *buf, size_t len)
{
	struct seal_reader *r = ctx;
	size_t n = r->left < len ? r->left : len;
	int err = aead_update(r->aead, buf, r->p, n);

	if (err != 0)
		return err;
	r->p += n;
	r->left -= n;
	return (ssize_t)n;
}

struct source seal_reader_source(struct seal_reader *r)
{
	return (struct source){reader_read, r};
}

void seal_reader_free(struct seal_reader *r)
{
	if (r == NULL)
		return;
	aead_free(r->aead);
	mem_free(r);
}

/* Read len bytes, fewer only at the end of from: their number or -errno. */
static ssize_t read_full(struct source from, uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = from.read(from.ctx, buf + done, len - done);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Read an envelope's header, and begin to decrypt what comes after it. */
static int stream_begin(struct aead **a, int *format, struct source from,
			const struct secret *key)
{
	uint8_t head[SEAL_HEADER_LEN];
	const struct keys *k = keys_of(key);
	ssize_t n = read_full(from, head, HEADER_LEN_1);
	bool two = n == HEADER_LEN_1 && memcmp(head, magic, sizeof(magic)) == 0;
	size_t rest = two ? SEAL_HEADER_LEN - HEADER_LEN_1 : 0;

	if (n == HEADER_LEN_1) {
		n = read_full(from, head + HEADER_LEN_1, rest);
		if (n >= 0)
			n = (size_t)n == rest ? 0 : -EBADMSG;
	} else if (n >= 0) {
		n = -EBADMSG;
	}
	if (n < 0)
		return (int)n;
	if (two && CRYPTO_memcmp(head + CHECK_AT_2, k->check, SEAL_CHECK_LEN))
		return -EKEYREJECTED;
	*format = two ? 2 : 1;
	return aead_open_begin(
		a, &(struct aead_start){
			   .key = k->enc,
			   .nonce = head + (two ? NONCE_AT_2 : NONCE_AT_1),
			   .aad = two ? head : NULL,
			   .aad_len = two ? SEAL_HEADER_LEN : 0,
		   });
}

int seal_verify_stream(struct source from, const struct secret *key)
{
	const size_t room = WINDOW + AEAD_TAG_LEN;
	uint8_t *sealed = NULL, *plain = NULL;
	struct aead *a = NULL;
	size_t filled = 0;
	ssize_t n = 1;
	int format = 0, err = stream_begin(&a, &format, from, key);

	if (err == 0) {
		sealed = mem_alloc_in(MEM_PLAIN, room);
		plain = mem_alloc(room);
		err = sealed != NULL && plain != NULL ? 0 : -ENOMEM;
	}
	/* What has been read last may be the tag, so so much stays back. */
	while (err == 0 && n > 0) {
		n = read_full(from, sealed + filled, room - filled);
		if (n < 0) {
			err = (int)n;
			break;
		}
		filled += (size_t)n;
		if (filled <= AEAD_TAG_LEN)
			continue;
		filled -= AEAD_TAG_LEN;
		err = aead_update(a, plain, sealed, filled);
		memmove(sealed, sealed + filled, AEAD_TAG_LEN);
		filled = AEAD_TAG_LEN;
	}
	if (err == 0)
		err = filled == AEAD_TAG_LEN ? aead_open_end(a, sealed)
					     : -EBADMSG;
	if (err == -EBADMSG && format == 1)
		err = -EKEYREJECTED;
	aead_free(a);
	mem_free(sealed);
	mem_free(plain);
	return err;
}

struct seal_writer {
	struct aead *aead;
	struct sink to;
	uint8_t out[WINDOW];
};

static void put_header_2(uint8_t *at, const struct seal_params *p,
			 const uint8_t *nonce, const uint8_t *check)
{
	put(&at, magic, sizeof(magic));
	put_le(&at, 4, SEAL_HEADER_LEN);
	put_le(&at, 2, p->cost.kind);
	put_le(&at, 2, CIPHER_AES_256_GCM);
	put_le(&at, 4, p->cost.rounds);
	put_le(&at, 4, p->cost.memory_kib);
	put_le(&at, 4, p->cost.lanes);
	put_le(&at, 4, p->compression);
	put(&at, p->salt, sizeof(p->salt));
	put(&at, nonce, AEAD_NONCE_LEN);
	put_le(&at, 4, 0);
	put_le(&at, 8, p->generation);
	put_le(&at, 8, p->time_ns);
	put(&at, p->id, sizeof(p->id));
	put(&at, check, SEAL_CHECK_LEN);
}

int seal_writer_new(struct seal_writer **ret, const struct seal_params *p,
		    const struct secret *key, struct sink to)
{
	struct seal_writer *w = mem_alloc(sizeof(*w));
	struct aead_start start = {.key = keys_of(key)->enc};
	uint8_t nonce[AEAD_NONCE_LEN], head[SEAL_HEADER_LEN], *at = head;
	size_t len = SEAL_HEADER_LEN;
	int err;

	if (w == NULL)
		return -ENOMEM;
	w->to = to;
	err = random_bytes(nonce, sizeof(nonce));
	if (err != 0)
		goto out;
	if (p->format == 1) {
		put(&at, p->salt, sizeof(p->salt));
		put(&at, nonce, sizeof(nonce));
		len = HEADER_LEN_1;
	} else {
		put_header_2(at, p, nonce, keys_of(key)->check);
		start.aad = head;
		start.aad_len = SEAL_HEADER_LEN;
	}
	start.nonce = nonce;
	err = aead_seal_begin(&w->aead, &start);
	if (err == 0)
		err = to.write(to.ctx, head, len);
	if (err != 0)
		goto out;
	*ret = w;
	w = NULL;
out:
	seal_writer_free(w);
	return err;
}

static int writer_write(void *ctx, const uint8_t *buf, size_t len)
{
	struct seal_writer *w = ctx;
	int err = 0;

	while (err == 0 && len > 0) {
		size_t n = len < WINDOW ? len : WINDOW;

		err = aead_update(w->aead, w->out, buf, n);
		if (err == 0)
			err = w->to.write(w->to.ctx, w->out, n);
		buf += n;
		len -= n;
	}
	return err;
}

struct sink seal_writer_sink(struct seal_writer *w)
{
	return (struct sink){writer_write, w};
}

int seal_writer_finish(struct seal_writer *w)
{
	uint8_t tag[AEAD_TAG_LEN];
	int err = aead_seal_end(w->aead, tag);

	return err == 0 ? w->to.write(w->to.ctx, tag, sizeof(tag)) : err;
}

void seal_writer_free(struct seal_writer *w)
{
	if (w == NULL)
		return;
	aead_free(w->aead);
	mem_free(w);
}
