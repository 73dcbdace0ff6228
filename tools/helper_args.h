/* SPDX-License-Identifier: MIT */
#ifndef TZ_HELPER_ARGS_H
#define TZ_HELPER_ARGS_H

/*
 * What mount(8) and umount(8) pass to their helpers ("EXTERNAL HELPERS" in
 * both pages): names first, then options.
 */

#include <stdbool.h>

/* All borrowed from argv. */
struct mount_args {
	const char *vault, *dir;
	const char *options; /* of -o, or NULL */
	bool fake;	     /* -f: do all but mount */
};

struct umount_args {
	const char *dir;
	bool force, lazy;
};

/* VAULT DIR [-sfnv] [-o OPTIONS] [-t TYPE].  False: it is something else. */
bool mount_args_parse(struct mount_args *ret, int argc, char *argv[]);

/* DIR [-flnrv] [-t TYPE].  False: it is something else. */
bool umount_args_parse(struct umount_args *ret, int argc, char *argv[]);

#endif
