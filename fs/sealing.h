/* SPDX-License-Identifier: MIT */
#ifndef TZ_SEALING_H
#define TZ_SEALING_H

/* From a snapshot to a vault file in its place: all the steps of one save. */

#include "history.h"
#include "snapshot.h"
#include "store.h"
#include "vault.h"

#include <stdbool.h>
#include <stdint.h>

/* What is saved, and where.  All borrowed; one thread at a time. */
struct sealing {
	struct vault *vault;
	struct store *store;
	struct history_policy history; /* of the vaults that are replaced */
	/* Called by the sealing thread when a save with a fresh salt has
	 * succeeded; or NULL. */
	void (*stored)(void *ctx, const struct seal_params *p);
	void *ctx;
};

/* Where something can be put aside. */
struct sealing_place {
	/*
	 * Open the file that is to be tried in that attempt, of which 0 is the
	 * first.  The caller closes *ret.  0, 1 if there are no more, or -errno
	 * if this one cannot be used.
	 */
	int (*open)(void *ctx, unsigned attempt, struct store **ret);
	void *ctx;
};

/* What is thought to be so, when all there is has been sealed. */
enum sealing_look {
	SEALING_DO,    /* it has not: seal it */
	SEALING_PLACE, /* it is in the vault's place */
	SEALING_BESIDE /* it is kept beside the file that is there instead */
};

/* One save, and what became of it. */
struct sealing_job {
	enum sealing_look look;	  /* only see whether that is so */
	struct snapshot snapshot; /* the caller's, also in the end */
	enum vault_salt salt;
	const struct sealing_place *aside; /* to seal it there; or NULL */
	uint64_t replaced; /* generation of the vault that is in place */
	bool is_so;	   /* what it looked for */
	int err;	   /* 0 or -errno */
	bool beside;	   /* it is kept beside a stranger in our place */
	uint64_t sealed_bytes;
	struct seal_params params;
};

/*
 * Seal s into the store's temporary file, read it back and verify it, for
 * store_commit(), or for store_abort() after an error.  Errors: store_begin(),
 * vault_seal(), store_reread(), vault_verify().
 */
int sealing_write(struct store *store, struct vault *v,
		  const struct snapshot *s, enum vault_salt salt);

/*
 * Do all of a job: seal, verify, keep the vault that is replaced, replace it.
 * If another file has taken its place, what was sealed is kept beside that.
 * The job's last six fields are filled in.
 *
 * A job that only looks fills in is_so and, if it is, err: 0, or -ESTALE with
 * what is kept beside.
 */
void sealing_run(const struct sealing *s, struct sealing_job *job);

#endif
