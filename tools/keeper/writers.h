/* SPDX-License-Identifier: MIT */
#ifndef TZ_WRITERS_H
#define TZ_WRITERS_H

#include "fs/ramfiles.h"

/*
 * Let only those write to a filesystem: root is a descriptor of its root in a
 * mount that only its owner has.  0, -EBUSY if a file is open for writing, or
 * another -errno of fspick(2) or fsconfig(2).
 */
int writers_restrict(int root, enum ramfiles_writers who);

#endif
