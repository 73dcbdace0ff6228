/* SPDX-License-Identifier: MIT */
#ifndef TZ_STATEDIR_H
#define TZ_STATEDIR_H

/*
 * The folder for what has to outlive a boot: $XDG_STATE_HOME/tazpod, else for
 * root /var/lib/tazpod, for others ~/.local/state/tazpod.  Nothing in it is
 * secret, but it counts only if it is the user's own and closed to others.
 */

#include <limits.h>
#include <stdbool.h>

/*
 * Write the path of the folder, or with sub that of the folder called sub in
 * it, into path.  With make, what is missing of it is made, mode 0700.
 *
 * 0, -ENOENT if it is not there or there is no home, -ENAMETOOLONG, -EPERM if
 * it is somebody else's, open to others or no folder, or the -errno of
 * mkdir(2).
 */
int statedir_get(char path[static PATH_MAX], const char *sub, bool make);

/*
 * Does the file at path, absolute and without symbolic links, lie in the
 * folder called sub, and no deeper?
 */
bool statedir_holds(const char *path, const char *sub);

#endif
