/* SPDX-License-Identifier: MIT */
#include "tar_bounds.h"

#include "pax.h"

#include <errno.h>
#include <string.h>

enum {
	PADDING_MAX = 1 << 20, /* zeros behind an archive */
	ENTRY_WORK = 512,      /* of an entry that has nothing */
	WORK_TIMES = 16,       /* as much as a full tree is */
};

void tar_bounds_start(struct tar_bounds *b, const struct tree_limits *limits)
{
	*b = (struct tar_bounds){
		.bytes = limits->bytes,
		.pieces = limits->bytes / BODY_LEAST,
		.work_most = WORK_TIMES *
			     (limits->bytes + ENTRY_WORK * limits->nodes),
	};
}

void tar_bounds_header(struct tar_bounds *b, bool begins)
{
	b->lines = 0;
	b->is_in_header = begins;
}

/* A file counts for at least as much as it has, but for a page of each piece.
 */
void tar_bounds_file(struct tar_bounds *b, uint64_t pieces)
{
	b->holes = (pieces < b->pieces ? pieces : b->pieces) * BODY_PAGE;
}

static uint64_t count_lines(const uint8_t *p, size_t n)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

int tar_bounds_input(struct tar_bounds *b, const uint8_t *p, size_t n)
{
	/* Every piece is two lines of a map; records may hold lines, too. */
	const uint64_t lines_most = 2 * (b->pieces + PAX_HEADER_MAX);

	if (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0)
		b->zeros += n;
	else
		b->zeros = 0;
	if (b->is_in_header)
		b->lines += count_lines(p, n);
	return b->zeros > b->bytes + b->holes + PADDING_MAX ||
			       b->lines > lines_most
		       ? -E2BIG
		       : 0;
}

int tar_bounds_entry(struct tar_bounds *b, uint64_t bytes)
{
	uint64_t left = b->work_most - b->work;

	if (left < ENTRY_WORK || bytes > left - ENTRY_WORK)
		return -E2BIG;
	b->work += ENTRY_WORK + bytes;
	return 0;
}
