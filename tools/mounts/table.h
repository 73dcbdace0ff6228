/* SPDX-License-Identifier: MIT */
#ifndef TZ_TABLE_H
#define TZ_TABLE_H

/* Tables of mounts, for those that look at more than vaults (libmount). */

#include <libmount.h>
#include <stdio.h>

/*
 * Read what f, which may be NULL, has in the form of mountinfo.  The caller
 * ends it with mnt_unref_table().  NULL on any error.
 */
struct libmnt_table *table_parse(FILE *f);

/* The mount with that id, which stays the table's, or NULL. */
struct libmnt_fs *table_find(struct libmnt_table *t, int id);

#endif
