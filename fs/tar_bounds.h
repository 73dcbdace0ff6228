/* SPDX-License-Identifier: MIT */
#ifndef TZ_TAR_BOUNDS_H
#define TZ_TAR_BOUNDS_H

/*
 * What an archive may cost to read, by the limits of the tree that it is for.
 * What ends up in the tree is bounded there; this bounds what does not: zeros,
 * which cost no memory, entries that come again and again or are left out, and
 * maps of sparse files, which libarchive reads as a whole (docs/FORMAT.md).
 */

#include "tree.h"

struct tar_bounds {
	uint64_t bytes, pieces, work_most; /* of the tree */
	uint64_t zeros;			   /* read in a row, in whole blocks */
	uint64_t holes; /* bytes of zeros that the file at hand may have more */
	uint64_t lines; /* read since a header began */
	uint64_t work;	/* bytes handled so far */
	bool is_in_header;
};

void tar_bounds_start(struct tar_bounds *b, const struct tree_limits *limits);

/* An entry's headers begin, or end; a sparse file's map is one. */
void tar_bounds_header(struct tar_bounds *b, bool begins);

/* A file of so many pieces comes. */
void tar_bounds_file(struct tar_bounds *b, uint64_t pieces);

/* n > 0 bytes of the archive were read.  0, or -E2BIG: too much of it. */
int tar_bounds_input(struct tar_bounds *b, const uint8_t *p, size_t n);

/* An entry with so many bytes was handled.  0, or -E2BIG. */
int tar_bounds_entry(struct tar_bounds *b, uint64_t bytes);

#endif
