/* SPDX-License-Identifier: MIT */
#ifndef TZ_RUNDIR_H
#define TZ_RUNDIR_H

/*
 * Where control sockets are: a user's tazpod folder in $XDG_RUNTIME_DIR, in
 * /run/user/UID, in /run (root), or /tmp/tazpod-UID.  A daemon takes the first
 * that can be had, a client tries them all, since the two may not share an
 * environment.  A folder counts only if it is the user's own and closed to
 * others.
 */

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

enum { RUNDIR_COUNT = 4 };

/*
 * Write the nth place of uid's folder into path.  With make, it is created if
 * missing.  False: there is no such place, or what is there is not fit.
 */
bool rundir_get(char path[static PATH_MAX], unsigned n, uid_t uid, bool make);

#endif
