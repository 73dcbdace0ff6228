/* SPDX-License-Identifier: MIT */
#ifndef TZ_VAULT_H
#define TZ_VAULT_H

/*
 * One open vault: the passphrase and the keys made of it, and the way from
 * sealed bytes to a tree and from a snapshot to sealed bytes.  It knows no
 * path and no mount.  A vault is used by one thread at a time.
 */

#include "crypto/blob.h"
#include "crypto/seal.h"
#include "snapshot.h"
#include "tar.h"
#include "tree.h"

#include <stdbool.h>

struct vault;

/* Under which salt and key a seal is made (docs/FORMAT.md). */
enum vault_salt {
	VAULT_FRESH,   /* a save: always a salt of its own */
	VAULT_SESSION, /* a seal between saves: at most a minute's old one */
};

/*
 * A new vault of format 2, not sealed yet.  passphrase is taken over on
 * success and empty then.  0, -ENOMEM or -EIO.
 */
int vault_create(struct vault **ret, struct secret *passphrase);

/*
 * Open sealed: derive its key and verify the whole of it.  passphrase is
 * taken over on success and empty then; otherwise it stays the caller's.
 * sealed must stay as it is until vault_load() or vault_close().
 * Errors: seal_parse(), seal_derive() and seal_verify().
 */
int vault_open(struct vault **ret, const struct blob *sealed,
	       struct secret *passphrase);

/*
 * Fill t, which is empty, from the sealed bytes that v was opened from.
 * Errors: tar_load(), and -E2BIG for an archive that inflates beyond what a
 * tree of t's limits can need.
 */
int vault_load(struct vault *v, const struct blob *sealed, struct tree *t,
	       struct tar_report *report);

/*
 * Seal s into to.  The generation counts up by one, which is not undone if
 * what was sealed comes to nothing later.  0, -ENOMEM, -EIO, the error of to,
 * or -EBADMSG if the compressor was at fault.
 */
int vault_seal(struct sink to, struct vault *v, const struct snapshot *s,
	       enum vault_salt salt);

/*
 * Verify what the last vault_seal() wrote, as from reads it back.  0, -ENOMEM,
 * -EBADMSG if it is not what was sealed, or the error of from.
 */
int vault_verify(const struct vault *v, struct source from);

/*
 * Free memory that v can do without.  Any thread may call this at any time
 * until vault_close().  False: there was nothing to free.
 */
bool vault_relieve(struct vault *v);

/*
 * Derive the key of the next fresh salt ahead of time, so that the next save
 * need not wait for it.  Does nothing if there is one.  Errors: seal_derive().
 */
int vault_prepare(struct vault *v);

/* The envelope of the last seal, or the one that v was opened from. */
const struct seal_params *vault_params(const struct vault *v);

/* Wipe and release v.  NULL is a no-op. */
void vault_close(struct vault *v);

#endif
