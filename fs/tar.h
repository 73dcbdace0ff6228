/* SPDX-License-Identifier: MIT */
#ifndef TZ_TAR_H
#define TZ_TAR_H

/*
 * A tree from and to a POSIX pax archive (docs/FORMAT.md).  This is the one
 * judge of hostile names, types and sizes: an archive is not trusted, not
 * even an authenticated one.
 */

#include "crypto/stream.h"
#include "snapshot.h"
#include "tree.h"

#include <stdbool.h>
#include <stdint.h>

/* What a user should hear of an archive that was read. */
struct tar_report {
	uint64_t skipped;	 /* devices: left out */
	bool dropped_passphrase; /* TREE_RESERVED was there and left out */
	char problem[320]; /* why it was refused, in printable words; or "" */
};

/*
 * Fill t, which is empty, from the archive that from yields.  On an error t
 * holds a part of it and is good for tree_free() alone; report says more.
 *
 * Returns 0, or
 *	-EBADMSG	not an archive, cut short, or with an entry that no
 *			honest writer makes (a name that leaves the tree, a
 *			link to nothing, attributes that no file may have)
 *	-ENOSPC		it holds more than the tree may
 *	-E2BIG		more zeros in a row than any tree's archive has
 *	-ENOMEM, or the error of from
 */
int tar_load(struct tree *t, struct source from, struct tar_report *report);

/* Write s to to.  0, -ENOMEM, -EOVERFLOW (pax_header()) or the error of to. */
int tar_dump(const struct snapshot *s, struct sink to);

#endif
