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

#include "crypto/stream.h"
#include "node.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PAX_BLOCK = 512,
	PAX_HEADER_MAX = 1 << 20, /* bytes of records that readers take */
};

/* A piece of a sparse file that is not a hole. */
struct pax_piece {
	uint64_t off, len; /* bytes */
};

/*
 * A sparse file: what of it follows, as GNU's format 1.0 has it.  next() tells
 * the first piece at or after off, and is asked several times over.
 */
struct pax_map {
	bool (*next)(const void *ctx, uint64_t off, struct pax_piece *ret);
	const void *ctx;
};

/* A name in parts, between which are slashes. */
struct pax_name {
	const char *const *parts;
	size_t count;
	bool is_folder; /* then there is one at its end, too */
};

/* One member.  All is borrowed. */
struct pax_member {
	char type; /* '0' file, '1' hard link, '2' symbolic link, '5' folder,
		      '6' FIFO */
	struct pax_name path; /* whole */
	struct pax_name link; /* of a hard or symbolic link; else empty */
	const struct attr *attr;
	const struct xattr *xattrs;
	uint64_t size;		   /* of the contents that follow, bytes */
	const struct pax_map *map; /* NULL if it is not sparse */
};

/*
 * Write the headers of m, and the map of a sparse file, which counts as its
 * contents.  The caller then writes the contents and pax_pad().  Nothing is
 * put together in memory: a header may be long, and a map longer.
 *
 * 0, -EOVERFLOW (more than PAX_HEADER_MAX) or the error of to.
 */
int pax_header(struct sink to, const struct pax_member *m);

/* Bytes that the record of an extended attribute takes. */
uint64_t pax_xattr_size(const char *name, const uint8_t *value, size_t len);

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
