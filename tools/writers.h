/* SPDX-License-Identifier: MIT */
#ifndef TZ_WRITERS_H
#define TZ_WRITERS_H

#include "fs/ramfiles.h"

#include <sys/types.h>

/*
 * Let only those write to a filesystem: root is a descriptor of its root in a
 * mount that only its owner has, dir where it is mounted for others, with the
 * device number dev.  0, -EBUSY if a file is open for writing, or another
 * -errno of fspick(2), fsconfig(2) or mount_setattr(2).
 */
int writers_restrict(int root, const char *dir, dev_t dev,
		     enum ramfiles_writers who);

#endif
