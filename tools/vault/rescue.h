/* SPDX-License-Identifier: MIT */
#ifndef TZ_RESCUE_H
#define TZ_RESCUE_H

/*
 * Where what a mount held is put, sealed, if it has to end and its vault cannot
 * be saved: beside the vault, as NAME.rescue-TIME, else in the state folder's
 * rescue/, as DIGEST-TIME, of the vault's path.
 */

#include "fs/sealing.h"

#include <limits.h>
#include <stdbool.h>

/* Where to put what is mounted of a vault. */
struct rescue {
	const struct store *store; /* borrowed */
	char path[PATH_MAX];	   /* of the file that was tried last */
};

/*
 * The places as struct sealing_place has them; ctx is a struct rescue.  Paths
 * are walked here, maybe through the mount in question, so its daemon must go
 * on serving meanwhile.
 */
int rescue_open(void *ctx, unsigned attempt, struct store **ret);

/*
 * Write into ret the path of the latest rescue file of the vault at path vault,
 * which is absolute and has no symbolic links in it.  False: there is none.
 */
bool rescue_find(char ret[static PATH_MAX], const char *vault);

#endif
