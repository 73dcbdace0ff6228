/* SPDX-License-Identifier: MIT */
#ifndef TZ_INPLACE_H
#define TZ_INPLACE_H

/*
 * A vault file that cannot be renamed over, since it is itself a mount point,
 * is replaced where it is.  The new vault (the image) is written behind the old
 * one first, so that at any moment one of the two is whole, and the file alone
 * tells which (docs/FORMAT.md, "The journal"):
 *
 *	old, zeros to a border | the image | a record of both lengths
 *
 * Each step is durable before the next: the length; the record; the image;
 * then the image again, over the front; and the file is cut behind it.  Until
 * the image is whole, no sector of the old vault is written; from then on it is
 * the image that counts.  The length leaves the same remainder as the old one,
 * so it tells where the record is, and without a record where the old vault
 * ends.
 *
 * Nothing here is authenticated: a caller verifies what was found.
 */

#include "crypto/blob.h"

#include <stddef.h>

enum inplace_state {
	INPLACE_CLEAN, /* no journal: the whole file is the vault */
	INPLACE_OLD,   /* a journal without a whole image: the front is it */
	INPLACE_NEW,   /* a journal with a whole image, which is the vault */
};

/* The vault is len bytes at off, all of them within the file. */
struct inplace_found {
	enum inplace_state state;
	size_t off, len;
};

/*
 * Where in a file, read as a whole, is the vault?  Any bytes may be in it.
 *
 * Returns 0, or
 *	-EPROTO	a journal of a version that this build does not know
 *	-EIO	the digest could not be computed; nothing is known then
 */
int inplace_find(struct inplace_found *ret, const struct blob *file);

/*
 * Make the file, which was read through fd as file and judged as f, nothing
 * but the vault, durably.  A clean one is left alone.  fd is open for reading
 * and writing, without O_APPEND, and nobody else writes to the file.
 *
 * It can be interrupted at any point: inplace_find() then finds the same vault.
 *
 * Returns 0, or
 *	-ESTALE	the file has another length now
 *	-EIO	also if what the disk has is not what was read
 *	or the -errno of the step that failed
 */
int inplace_repair(int fd, const struct blob *file,
		   const struct inplace_found *f);

/*
 * Read the file through fd, find and repair.  A file without a journal is left
 * alone.  0, -ENOMEM, the errors of both, or the -errno of the step that
 * failed.
 */
int inplace_heal(int fd);

/*
 * Replace the contents of the file by b, durably.  fd as above.  A journal
 * that is there is repaired first.
 *
 * Returns 0, or
 *	-EINVAL	what the file holds, or b, is no vault: it ends in zeros or in
 *		a journal
 *	-EPROTO	as inplace_find()
 *	-ENOMEM, or the -errno of the step that failed
 *
 * After an error the file holds the old vault or b, perhaps with a journal, and
 * has other times and another length than before; the caller has to take it
 * for the one it knows.  An error that comes before the front is touched (a
 * full disk does) leaves the old vault alone, the file cut to its length if
 * that can be done.  After a later one, the next call heals the file.
 */
int inplace_replace(int fd, const struct blob *b);

#endif
