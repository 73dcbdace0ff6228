/* SPDX-License-Identifier: MIT */
#ifndef TZ_COPIES_H
#define TZ_COPIES_H

/* What lies beside a vault because of it: what was kept, or put aside. */

#include "fs/store.h"

#include <stdbool.h>

/*
 * Is s such a copy, NAME.~N~ or NAME.conflict-TIME or NAME.rescue-TIME, or one
 * in the rescue folder of the state folder?  Whoever names one wants what it
 * is.
 */
bool copies_is_one(const struct store *s);

/* Say what earlier mounts could not save in its place; path is its name. */
void copies_tell(const struct store *s, const char *path);

#endif
