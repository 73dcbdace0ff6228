/* SPDX-License-Identifier: MIT */
#ifndef TZ_SEGMENTS_H
#define TZ_SEGMENTS_H

/*
 * The compressed archive of a snapshot, and the segments that it was made of,
 * kept for the next (cold.h): only those in which something has changed are
 * compressed again.  Where one ends depends on what it is about,
 * not on how much comes before it, so the others stay as they are when names
 * come and go.
 *
 * It takes memory while there is some; what is kept is only a gain.
 */

#include "crypto/stream.h"
#include "snapshot.h"

#include <stdbool.h>

struct segments;

/* Nothing is kept yet.  The caller frees *ret.  0 or -ENOMEM. */
int segments_new(struct segments **ret);

/*
 * Write s to to, as one gzip member that holds a tar archive.  One thread at a
 * time.  0, -ENOMEM, -EBADMSG if what was compressed does not decompress to
 * what it was, the error of tar_dump(), or that of to.
 */
int segments_write(struct segments *k, const struct snapshot *s,
		   struct sink to);

/*
 * Free what is kept and not being written.  Any thread may call this at any
 * time.  False: there was nothing to free.
 */
bool segments_drop(struct segments *k);

/* Wipe and release k.  NULL is a no-op. */
void segments_free(struct segments *k);

#endif
