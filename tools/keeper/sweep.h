/* SPDX-License-Identifier: MIT */
#ifndef TZ_SWEEP_H
#define TZ_SWEEP_H

/*
 * Unmounting what is left of one vault's mount, in one mount namespace: bind
 * mounts of it, and in other namespaces the copies that each got when it was
 * made.  They are known by the vault's path, the device number, and by being
 * dead: as soon as the last has gone, the number may be that of another mount,
 * which lives.  Each is held by a descriptor and looked at again before it is
 * unmounted by that.
 */

#include "tools/mounts/mounts.h"

#include <stdbool.h>
#include <sys/types.h>

/* The mount, after its connection has ended. */
struct remains {
	const char *vault; /* its source, in mountinfo */
	const char *dir;   /* where it was */
	dev_t dev;
};

/* Is any of list, which may be NULL, left of it? */
bool sweep_is_left(const struct remains *r, const struct mounted *list);

/*
 * Unmount all of it in this namespace, lazily, as stale_heal() does.  This may
 * hang (bounded.h).
 */
void sweep_here(const struct remains *r);

/*
 * The same in the mount namespace that ns is a descriptor of, which this
 * process enters for good; it must have no other threads.  A user who owns the
 * user namespace which that belongs to can do that, too.  What something else
 * is mounted over or in is left alone.  This may hang.  Is anything left then,
 * or not known?
 */
bool sweep_there(const struct remains *r, int ns);

#endif
