/* SPDX-License-Identifier: MIT */
#ifndef TZ_JOIN_H
#define TZ_JOIN_H

#include "tools/machine/userns.h"
#include "tools/mounts/mounts.h"

#include <stdbool.h>

/*
 * If the vault at path is shown by a daemon of this user's in namespaces of its
 * own, as tazpod run and shell make them, enter those.  What this process could
 * not do outside it can do there (userns_give_up()).  False: it is not, or it
 * may not be done; nothing has changed then.
 */
bool join_vault(struct userns *ret, const char *path);

/*
 * All mounts in sight (mounts_read()); before that, if there is none of what
 * name names, a mount point or a vault, or with NULL of the project's vault,
 * enter where it is.  The caller frees *list.  0 or -errno.
 */
int join_mounts(struct mounted **list, const char *name);

#endif
