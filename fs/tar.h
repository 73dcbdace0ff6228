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
	char problem[320];	 /* what is wrong with which entry, in printable
				    words; or "" */
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
 *	-E2BIG		more zeros in a row than any tree's archive has, or more
 *			to do than sixteen full trees are (tar_bounds.h)
 *	-ENOMEM, or the error of from
 */
int tar_load(struct tree *t, struct source from, struct tar_report *report);

/* A writer of archives.  It borrows its snapshot. */
struct tar_dumper;

/* A place between two steps of an archive.  {0} is its start. */
struct tar_place {
	uint32_t entry; /* of the snapshot; its count: before the end */
	bool is_begun;	/* the entry's headers are behind it */
	uint64_t off;	/* ... and this much of the file */
	bool is_ended;
};

/* What a step was. */
struct tar_step {
	uint64_t bytes; /* of the archive */
	uint64_t name;	/* a number for what it is about: an entry, or a part of
			   a file, whatever is in there */
};

/* The caller frees *ret.  0 or -ENOMEM. */
int tar_dumper_new(struct tar_dumper **ret, const struct snapshot *s);

/*
 * Write the step at *at to to, and go on to the next: the headers of an entry,
 * or at most BODY_EXTENT bytes of contents, or the end.
 * 0, -EOVERFLOW (pax_header()) or the error of to.
 */
int tar_dump_step(struct tar_dumper *d, struct tar_place *at, struct sink to,
		  struct tar_step *step);

/*
 * The same, but contents are not written: a few bytes are in their place that
 * are others for other contents (body_stamp()).
 */
int tar_outline_step(struct tar_dumper *d, struct tar_place *at, struct sink to,
		     struct tar_step *step);

/* Release d.  NULL is a no-op. */
void tar_dumper_free(struct tar_dumper *d);

/* Write all of s to to.  0, -ENOMEM, or the error of tar_dump_step(). */
int tar_dump(const struct snapshot *s, struct sink to);

#endif
