/* SPDX-License-Identifier: MIT */
#include "vault.h"

#include "cold.h"
#include "crypto/mem.h"
#include "crypto/secret.h"
#include "pack.h"
#include "segments.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum {
	SESSION_SECONDS = 60, /* the longest that a salt serves again */
	NS_PER_SECOND = 1000000000,
	/* What an archive may spend on an entry besides its contents. */
	ENTRY_BYTES = 8 << 10,
	/* Long paths may take more, but deflate cannot expand further, so this
	 * bound never refuses what was sealed, and stays a bound. */
	DEFLATE_MOST = 1032,
};

struct vault {
	struct secret passphrase;
	struct seal_params params;  /* of the last envelope */
	struct secret key;	    /* made of params.salt */
	struct timespec born;	    /* of key: CLOCK_BOOTTIME */
	struct seal_params next;    /* only its salt counts */
	struct secret next_key;	    /* made of next.salt; or empty */
	struct seal_reader *opened; /* what v was opened from; or NULL */
	struct segments *segments;  /* of the last seal */
};

/* Take key into use, made of the salt in params. */
static void use_key(struct vault *v, struct secret *key)
{
	secret_free(&v->key);
	v->key = *key;
	*key = (struct secret){0};
	(void)clock_gettime(CLOCK_BOOTTIME, &v->born);
}

static int vault_new(struct vault **ret, const struct seal_params *p,
		     struct secret *key, struct secret *passphrase)
{
	struct vault *v = mem_alloc(sizeof(*v));

	int err = v != NULL ? cold_start() : -ENOMEM;

	if (err != 0) {
		mem_free(v);
		return err;
	}
	if (segments_new(&v->segments) != 0) {
		cold_stop();
		mem_free(v);
		return -ENOMEM;
	}
	v->params = *p;
	use_key(v, key);
	v->passphrase = *passphrase;
	*passphrase = (struct secret){0};
	*ret = v;
	return 0;
}

int vault_create(struct vault **ret, struct secret *passphrase)
{
	struct seal_params p;
	struct secret key = {0};
	int err = seal_params_new(&p);

	if (err == 0)
		err = seal_derive(&key, &p, passphrase);
	if (err == 0)
		err = vault_new(ret, &p, &key, passphrase);
	secret_free(&key);
	return err;
}

int vault_open(struct vault **ret, const struct blob *sealed,
	       struct secret *passphrase)
{
	struct seal_reader *reader = NULL;
	struct seal_params p;
	struct secret key = {0};
	int err = seal_parse(&p, sealed);

	if (err == 0)
		err = seal_derive(&key, &p, passphrase);
	if (err == 0)
		err = seal_reader_new(&reader, sealed, &key);
	if (err == 0)
		err = vault_new(ret, &p, &key, passphrase);
	if (err == 0)
		(*ret)->opened = reader;
	else
		seal_reader_free(reader);
	secret_free(&key);
	return err;
}

int vault_load(struct vault *v, const struct blob *sealed, struct tree *t,
	       struct tar_report *report)
{
	struct tree_usage u = tree_usage(t);
	struct seal_reader *r = v->opened;
	struct unpacker *unpacker = NULL;
	enum mem_pool before;
	int err = 0;

	*report = (struct tar_report){0};
	v->opened = NULL;
	/* What the reserve has for a seal is free as yet; the tree needs all
	 * the rest. */
	before = mem_use(MEM_RESERVE);
	if (r == NULL)
		err = seal_reader_new(&r, sealed, &v->key);
	if (err == 0)
		err = unpacker_new(&unpacker, v->params.compression,
				   seal_reader_source(r),
				   u.limit.bytes + u.limit.nodes * ENTRY_BYTES +
					   sealed->len * DEFLATE_MOST);
	(void)mem_use(before);
	if (err == 0)
		err = tar_load(t, unpacker_source(unpacker), report);
	unpacker_free(unpacker);
	seal_reader_free(r);
	return err;
}

int vault_prepare(struct vault *v)
{
	int err;

	if (v->next_key.data != NULL)
		return 0;
	v->next = v->params;
	err = seal_salt(&v->next);
	if (err == 0)
		err = seal_derive(&v->next_key, &v->next, &v->passphrase);
	return err;
}

/* Is the key in use too old for another seal, or salt's wish a fresh one? */
static bool needs_key(const struct vault *v, enum vault_salt salt)
{
	struct timespec now;

	if (salt == VAULT_FRESH)
		return true;
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec - v->born.tv_sec >= SESSION_SECONDS;
}

static int take_key(struct vault *v, enum vault_salt salt)
{
	int err;

	if (!needs_key(v, salt))
		return 0;
	err = vault_prepare(v);
	if (err != 0)
		return err;
	memcpy(v->params.salt, v->next.salt, sizeof(v->params.salt));
	use_key(v, &v->next_key);
	return 0;
}

int vault_seal(struct sink to, struct vault *v, const struct snapshot *s,
	       enum vault_salt salt)
{
	struct seal_writer *w = NULL;
	struct seal_params p;
	struct timespec now;
	int err = take_key(v, salt);

	if (err != 0)
		return err;
	p = v->params;
	if (p.format == 2) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		p.generation++;
		p.time_ns = (uint64_t)now.tv_sec * NS_PER_SECOND +
			    (uint64_t)now.tv_nsec;
		p.compression = SEAL_GZIP;
	}
	err = seal_writer_new(&w, &p, &v->key, to);
	if (err == 0)
		err = segments_write(v->segments, s, seal_writer_sink(w));
	if (err == 0)
		err = seal_writer_finish(w);
	seal_writer_free(w);
	if (err == 0)
		v->params = p;
	return err;
}

int vault_verify(const struct vault *v, struct source from)
{
	int err = seal_verify_stream(from, &v->key);

	return err == -EKEYREJECTED ? -EBADMSG : err;
}

bool vault_relieve(struct vault *v)
{
	return segments_drop(v->segments);
}

const struct seal_params *vault_params(const struct vault *v)
{
	return &v->params;
}

void vault_close(struct vault *v)
{
	if (v == NULL)
		return;
	secret_free(&v->passphrase);
	secret_free(&v->key);
	secret_free(&v->next_key);
	seal_reader_free(v->opened);
	segments_free(v->segments);
	cold_stop();
	mem_free(v);
}
