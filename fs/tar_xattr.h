/* SPDX-License-Identifier: MIT */
#ifndef TZ_TAR_XATTR_H
#define TZ_TAR_XATTR_H

/* Extended attributes of an archive's entry; lists are tar_acl.h's. */

#include "tree.h"

struct archive_entry;

/*
 * Give n, a node of t, those that e has.  0, -ERANGE (no name, or too long a
 * one), -E2BIG (more than a node may have), or the error of tree_setxattr().
 */
int tar_xattr_load(struct tree *t, struct node *n, struct archive_entry *e);

#endif
