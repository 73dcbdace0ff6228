/* SPDX-License-Identifier: MIT */
#ifndef TZ_PAX_H
#define TZ_PAX_H

/*
 * Headers of a POSIX pax archive (pax(1), "pax Interchange Format"): a ustar
 * block, and before it, where that has no room, an extended header.
 *
 * libarchive reads our archives, but does not write them: its writer says
 * times before 1970 wrongly, loses the folder of a sparse file with a long
 * name that is not UTF-8, writes extended attributes twice, and walks through
 * holes.
 */

#include "crypto/secret.h"
#include "crypto/stream.h"
#include "node.h"

#include <stddef.h>
#include <stdint.h>

enum { PAX_BLOCK = 512 };

/* A piece of a sparse file that is not a hole. */
struct pax_piece {
	uint64_t off, len; /* bytes */
};

/* One member.  All is borrowed. */
struct pax_member {
	char type; /* '0' file, '1' hard link, '2' symbolic link, '5' folder,
		      '6' FIFO */
	const char *path; /* whole; a folder's ends in a slash */
	const char *link; /* of a hard or symbolic link; else NULL */
	const struct attr *attr;
	const struct xattr *xattrs;
	uint64_t size; /* of the contents that follow, bytes */
	/* A sparse file: what of it follows, as GNU's format 1.0 has it. */
	const struct pax_piece *pieces; /* NULL if it is not sparse */
	size_t piece_count;
};

/* Where headers are put together.  {0} is empty; its owner frees text. */
struct pax_buffer {
	struct secret text;
	size_t len; /* of text, in use */
};

/*
 * Write the headers of m, and the map of a sparse file, which counts as its
 * contents.  The caller then writes the contents and pax_pad().
 * 0, -ENOMEM or the error of to.
 */
int pax_header(struct pax_buffer *b, struct sink to,
	       const struct pax_member *m);

/* n bytes rounded up to whole blocks, in bytes. */
uint64_t pax_blocks(uint64_t n);

/* Fill up to a whole block what n bytes of contents left over. */
int pax_pad(struct sink to, uint64_t n);

/* End the archive. */
int pax_end(struct sink to);

/*
 * Undo in place what is done, here and by GNU tar, to '%' and '=' in the name
 * of an extended attribute.
 */
void pax_unescape(char *name);

#endif
