/* SPDX-License-Identifier: MIT */
#include "rung.h"

const char *rung_name(enum rung r)
{
	static const char *const names[RUNG_COUNT] = {
		"none",	 "fuse",       "fusermount3", "fuse-userns",
		"tmpfs", "tmpfs-swap", "ramfs",
	};

	return names[r];
}

bool rung_is_files(enum rung r)
{
	return r == RUNG_TMPFS || r == RUNG_TMPFS_SWAP || r == RUNG_RAMFS;
}
