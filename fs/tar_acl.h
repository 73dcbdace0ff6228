/* SPDX-License-Identifier: MIT */
#ifndef TZ_TAR_ACL_H
#define TZ_TAR_ACL_H

#include "tree.h"

struct archive_entry;

/*
 * Give n the access control lists of an entry of an archive, after its mode.
 * 0, -EINVAL (a list that makes no sense), -E2BIG (TREE_XATTR_MAX), -ENOSPC or
 * -ENOMEM.
 */
int tar_acl_load(struct tree *t, struct node *n, struct archive_entry *e);

/* Take all lists from n. */
void tar_acl_drop(struct tree *t, struct node *n);

#endif
