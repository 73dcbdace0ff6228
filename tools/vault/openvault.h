/* SPDX-License-Identifier: MIT */
#ifndef TZ_OPENVAULT_H
#define TZ_OPENVAULT_H

/* From the path of a vault to an open one, with words for all that can fail. */

#include "fs/store.h"
#include "fs/vault.h"
#include "tools/msg.h"
#include "tools/options.h"

/* A vault file that is open, and locked unless it is read-only. */
struct opened {
	struct store *store;
	struct vault *vault;
	struct blob sealed; /* as read, or as just made */
	bool read_only;	    /* asked for, or all that is possible */
};

/*
 * Open the vault at path: lock and read the file, get the passphrase, verify.
 * With o->create, a vault that is missing is made.  An older one than was seen
 * (seen.h) is refused without o->rollback: EXIT_CONFLICT; what is opened is
 * noted as seen.  crypto_start() comes first.  The caller closes *ret.  What
 * goes wrong is said.
 */
enum exit_code openvault_open(struct opened *ret, const struct options *o,
			      const char *path);

/* Make a new, empty vault at path, which must not exist. */
enum exit_code openvault_create(struct opened *ret, const struct options *o,
				const char *path);

/*
 * Unpack the open vault into a new tree, bounded by o.  The caller frees
 * *ret.  What goes wrong is said.
 */
enum exit_code openvault_tree(struct tree **ret, struct opened *v,
			      const struct options *o);

/* Release v and leave it empty.  {0} is a no-op. */
void openvault_close(struct opened *v);

#endif
