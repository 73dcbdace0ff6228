/* SPDX-License-Identifier: MIT */
#ifndef TZ_RUNG_H
#define TZ_RUNG_H

#include <stdbool.h>

/*
 * The ways in which a vault can be shown, best first.  Which of them can be had
 * depends on the machine and on who asks; what each promises differs.
 */

enum rung {
	RUNG_NONE,
	RUNG_FUSE,	  /* FUSE, mounted by who may mount */
	RUNG_FUSERMOUNT,  /* FUSE, mounted by fusermount3(1) for a user */
	RUNG_FUSE_USERNS, /* FUSE, in a user namespace of its own */
	RUNG_TMPFS,	  /* a tmpfs that is not swapped out */
	RUNG_TMPFS_SWAP,  /* a tmpfs whose kernel knows no "noswap" */
	RUNG_RAMFS,	  /* never swapped out, and without a limit of size */
	RUNG_COUNT
};

/* Is it one of files in memory (fs/ramfiles.h)? */
bool rung_is_files(enum rung r);

/* Its word in answers and in JSON: "fuse", "fusermount3" and so on. */
const char *rung_name(enum rung r);

#endif
