/* SPDX-License-Identifier: MIT */
#ifndef TZ_EVERYWHERE_H
#define TZ_EVERYWHERE_H

/*
 * The end of a mount in all mount namespaces and at all places.  Each namespace
 * has copies of its own: of bind mounts, and of all that was mounted when the
 * namespace was made.  Those whose mounts are private hear of no unmount.
 *
 * Not found are: namespaces with no process that /proc shows, unless this is
 * root and the kernel tells of them (Linux 6.12); and what is mounted nowhere,
 * but held by a descriptor (open_tree(2)).  Not unmounted is what is dead but
 * hidden by, or full of, other mounts; and what is in a namespace that this
 * process may not enter, or a copy that its user namespace locks in place, if
 * renew.h does not help.
 */

#include "sweep.h"

/*
 * Unmount all of r wherever it is; its connection has ended.  What can be done
 * is done: nobody could do anything about the rest.  Takes a few seconds at
 * most, and milliseconds if nothing hangs.  For processes as in bounded.h.
 */
void everywhere_unmount(const struct remains *r);

#endif
