/* SPDX-License-Identifier: MIT */
#ifndef TZ_STALE_H
#define TZ_STALE_H

/*
 * Mounts of ours whose daemon has died: whoever looks at one gets ENOTCONN.
 * There is nothing in them to be had any more.  Files in memory (ramfiles.h)
 * are still there, but nobody saves them any more.
 */

#include "mounts.h"

#include <stdbool.h>

/*
 * Has the connection ended of the mount that fd, which may be O_PATH, is in?
 * False also where that cannot be known.
 */
bool stale_is_disconnected(int fd);

/*
 * Has m's daemon died?  False also where that cannot be known: root cannot
 * look into the mount of a user.  One that is stopped lets nobody wait, as long
 * as it listens.
 */
bool stale_is_dead(const struct mounted *m);

/*
 * Is dir in a mount of ours, of whatever user, whose daemon listens?  It may
 * not answer, and is not asked.
 */
bool stale_is_served(const char *dir);

/*
 * The same, but its daemon is asked, and waited for a second: one that has just
 * been killed still listens for some milliseconds.
 */
bool stale_answers(const char *dir);

/*
 * As mounts_of(), but passing over dead ones: this user's newest mount of the
 * vault at path that may be alive, or NULL.
 */
const struct mounted *stale_live_mount(const struct mounted *list,
				       const char *path);

/*
 * Unmount the dead mounts of ours that are on top of each other at dir, with
 * all that their daemons have left elsewhere.  Mounts of other kinds and, but
 * for root, other users' are left alone.  Returns how many there were, or the
 * -errno of what failed, -EPERM if that was fusermount3.
 */
int stale_heal(const char *dir);

#endif
