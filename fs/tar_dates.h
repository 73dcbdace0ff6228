/* SPDX-License-Identifier: MIT */
#ifndef TZ_TAR_DATES_H
#define TZ_TAR_DATES_H

/*
 * Folders whose own times are set last, when nothing more comes into them.
 * The list is kept in the reserve: what it takes has to be there whenever the
 * tree itself fits.
 */

#include "tree.h"

struct tar_dates_block;

/* {0} is a valid empty list. */
struct tar_dates {
	struct tar_dates_block *first, *last;
};

/* Add dir, which lives until tar_dates_free().  0 or -ENOMEM. */
int tar_dates_add(struct tar_dates *l, struct node *dir, struct timespec mtime);

/* Set all times, the last one of a folder winning. */
void tar_dates_set(const struct tar_dates *l, struct tree *t);

/* Let go of the folders, and leave l empty. */
void tar_dates_free(struct tar_dates *l, struct tree *t);

#endif
