/* SPDX-License-Identifier: MIT */
#ifndef TZ_TREEPATH_H
#define TZ_TREEPATH_H

/* A path within a vault, walked without a kernel. */

#include "fs/tree.h"

/* Symbolic links that one path may lead through, as in the kernel. */
enum { TREEPATH_LINKS_MAX = 40 };

/*
 * Find the node that path leads to, from the root of t, following symbolic
 * links.  A leading slash, of path or of a link, is the root of t, which no ..
 * leads out of.  What it reads of the tree stays in locked memory.
 *
 * 0, -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG or -ENOMEM.
 */
int treepath_find(struct node **ret, const struct tree *t, const char *path);

#endif
