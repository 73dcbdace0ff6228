/* SPDX-License-Identifier: MIT */
#ifndef TZ_HISTORY_H
#define TZ_HISTORY_H

/*
 * Older vaults, kept beside the vault as further names of what it was:
 * NAME.~N~, with N its generation.  A vault of format 1, which has none, gets
 * the next free number, and so does one whose number is taken.
 */

#include "store.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct generation {
	uint64_t number;
	ino_t ino;
	uint64_t size;
	struct timespec sealed, kept; /* when it was written, and replaced */
};

/* Which to keep. */
struct history_policy {
	unsigned keep;	  /* so many; 0: none, and none is removed either */
	unsigned seconds; /* at least between two, by the newest's kept */
};

/*
 * The older vaults of s as an array sorted by number.  The caller frees *ret,
 * NULL if there are none.  0, -ENOMEM, or the -errno of reading the folder.
 */
int history_list(struct generation **ret, size_t *count, const struct store *s);

/*
 * Keep the file as it is now, which is about to be replaced, if it is due and
 * is not kept already, as after a save that failed; and remove those beyond
 * policy->keep that were kept first.  number is its generation, 0 if it has
 * none.
 *
 * 0, also if it was not due; -ESTALE or -ENOENT if the file is not ours, or the
 * -errno of the step that failed: on a filesystem without hard links -EPERM.
 */
int history_keep(struct store *s, const struct history_policy *policy,
		 uint64_t number);

/*
 * The same by a copy of b, what the file holds, whatever is due: for where
 * there are no hard links, and for a file that will be overwritten in place.
 * 0, or the -errno of the step that failed.
 */
int history_copy(struct store *s, const struct blob *b, uint64_t number);

/*
 * Write into name that of a file which store_save_beside() has left, the
 * latest.  False: there is none.
 */
bool history_conflict(char name[static NAME_MAX + 1], const struct store *s);

/* Read an older vault: store_load() with its number. */
int history_load(struct blob *ret, const struct store *s, uint64_t number,
		 uint64_t limit);

#endif
