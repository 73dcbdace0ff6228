/* SPDX-License-Identifier: MIT */
#ifndef TZ_TAR_PATH_H
#define TZ_TAR_PATH_H

/* Names from an archive, which nobody vouches for. */

#include "dir.h"

#include <stdbool.h>

/*
 * Take the component at *path, to the next slash or the end: its length, 0 if
 * it is empty.  name gets it, unless it is longer than DIR_NAME_MAX.
 */
size_t tar_path_next(const char **path, char name[static DIR_NAME_MAX + 1]);

/* NULL if path may be in a vault, else why not, to be said after its name. */
const char *tar_path_check(const char *path);

/* Is path, checked, TREE_RESERVED at the root, or something below that? */
bool tar_path_is_reserved(const char *path);

#endif
