/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FS_VAULTS_H
#define TZ_TESTS_FS_VAULTS_H

/* Vaults to test with.  Deriving a key takes a quarter of a second. */

#include "common.h"
#include "crypto/crypto.h"
#include "crypto/secret.h"
#include "fs/vault.h"
#include "trees.h"

static inline struct secret secret_of(const char *text)
{
	struct secret s = {0};

	assert_int_equal(secret_alloc(&s, strlen(text)), 0);
	memcpy(s.data, text, s.len);
	return s;
}

static inline struct vault *new_vault(const char *passphrase)
{
	struct secret pass = secret_of(passphrase);
	struct vault *v = NULL;

	assert_int_equal(vault_create(&v, &pass), 0);
	assert_null(pass.data);
	return v;
}

static inline int try_open(struct vault **ret, const struct blob *sealed,
			   const char *passphrase)
{
	struct secret pass = secret_of(passphrase);
	int err = vault_open(ret, sealed, &pass);

	/* Taken over, or still the caller's. */
	assert_int_equal(pass.data != NULL, err != 0);
	secret_free(&pass);
	return err;
}

static inline struct vault *reopened(const struct blob *sealed,
				     const char *passphrase)
{
	struct vault *v = NULL;

	assert_int_equal(try_open(&v, sealed, passphrase), 0);
	return v;
}

static inline struct blob sealed_tree(struct vault *v, const struct tree *t,
				      enum vault_salt salt)
{
	struct snapshot s = {0};
	struct blob_builder b = {0};

	assert_int_equal(snapshot_take(&s, t), 0);
	assert_int_equal(vault_seal(blob_sink(&b), v, &s, salt), 0);
	snapshot_release(&s);
	return b.blob;
}

#endif
