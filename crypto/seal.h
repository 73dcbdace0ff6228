/* SPDX-License-Identifier: MIT */
#ifndef TZ_SEAL_H
#define TZ_SEAL_H

/*
 * The two envelopes of a vault (docs/FORMAT.md).  Format 1 is the original Go
 * program's; format 2 has a header, authenticated as a whole.  This module
 * knows neither where sealed bytes are kept nor what is inside them.
 */

#include "aead.h"
#include "blob.h"
#include "kdf.h"
#include "secret.h"
#include "stream.h"

#include <stddef.h>
#include <stdint.h>

enum {
	SEAL_ID_LEN = 16,
	SEAL_CHECK_LEN = 16,
	SEAL_HEADER_LEN = 128,	/* format 2 */
	SEAL_ROUNDS_1 = 100000, /* PBKDF2 iterations of format 1 */
	SEAL_ROUNDS = 600000,	/* ... of a new vault */
	SEAL_MIN_LEN = 60,	/* no vault of either format is shorter */
};

enum seal_compression { SEAL_PLAIN = 0, SEAL_GZIP = 1, SEAL_ZSTD = 2 };

/* What an envelope says of itself, before any key is known. */
struct seal_params {
	int format; /* 1 or 2 */
	struct kdf_cost cost;
	uint32_t compression; /* enum seal_compression */
	uint8_t salt[KDF_SALT_LEN];
	uint64_t generation;	 /* format 2; else 0 */
	uint64_t time_ns;	 /* format 2, since the Unix epoch; else 0 */
	uint8_t id[SEAL_ID_LEN]; /* format 2; else 0 */
};

/*
 * Parameters of a new, empty vault of format 2: the default cost, gzip,
 * random id, generation 0 (each seal counts one up).  0 or -EIO if the
 * system has no random bytes.
 */
int seal_params_new(struct seal_params *ret);

/*
 * Read the envelope of sealed, authenticating nothing.
 *
 * Returns 0, or
 *	-ENODATA	too short to be a vault
 *	-EBADMSG	damaged: a length, a reserved field or a cost is absurd
 *	-EPROTO	a KDF, cipher or compression that this build does not know
 */
int seal_parse(struct seal_params *ret, const struct blob *sealed);

/* Take a fresh random salt.  0 or -EIO. */
int seal_salt(struct seal_params *p);

/*
 * Derive the key of an envelope.  It takes as long as p->cost says.  The
 * caller frees *ret; its inside is this module's affair.  Errors are those of
 * kdf_derive().
 */
int seal_derive(struct secret *ret, const struct seal_params *p,
		const struct secret *passphrase);

/*
 * Check a whole envelope under key: nothing of it may be used before.  The
 * bytes inside are decrypted and thrown away, a window at a time.
 *
 * Returns 0, or
 *	-EKEYREJECTED	wrong passphrase (format 1: or damaged)
 *	-EBADMSG	the right passphrase, but the bytes were altered
 *	-ENOMEM
 */
int seal_verify(const struct blob *sealed, const struct secret *key);

/*
 * The same for an envelope that is read from somewhere, to its end.  Errors are
 * those of seal_verify(), and what from gives.
 */
int seal_verify_stream(struct source from, const struct secret *key);

/* A reader of the bytes inside. */
struct seal_reader;

/*
 * Verify sealed, then begin to read it.  sealed must stay as it is until
 * seal_reader_free(), which the caller owes *ret.  Errors: seal_verify().
 */
int seal_reader_new(struct seal_reader **ret, const struct blob *sealed,
		    const struct secret *key);

/* The plaintext.  The source lives as long as r. */
struct source seal_reader_source(struct seal_reader *r);

/* Wipe and release r.  NULL is a no-op. */
void seal_reader_free(struct seal_reader *r);

/* A writer of one envelope. */
struct seal_writer;

/*
 * Begin an envelope with a fresh nonce, under the salt of p and the key that
 * seal_derive() made of it, and write its header to the sink, which must live
 * as long.  Generation and time are taken from p as they are.  The caller
 * frees *ret.  0, -ENOMEM, -EIO, or the error of the sink.
 */
int seal_writer_new(struct seal_writer **ret, const struct seal_params *p,
		    const struct secret *key, struct sink to);

/* Takes the plaintext.  The sink lives as long as w. */
struct sink seal_writer_sink(struct seal_writer *w);

/* Complete the envelope.  0, -EIO, or the error of the sink. */
int seal_writer_finish(struct seal_writer *w);

/* Release w.  NULL is a no-op. */
void seal_writer_free(struct seal_writer *w);

#endif
