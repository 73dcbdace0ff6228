/* SPDX-License-Identifier: MIT */
#ifndef TZ_FLUSH_H
#define TZ_FLUSH_H

/*
 * Have the kernel hand over what it keeps for a mount of ours: pages written
 * through mappings, and with writeback all that it has gathered.  syncfs(2)
 * does, but waits for our own answers, so a thread calls it.
 */

#include "fs/loop.h"

#include <sys/types.h>

/* err: 0, or the -errno of what kept it from being handed over. */
typedef void flush_fn(void *ctx, int err);

/*
 * Flush the mount with device number dev, if it is what one finds at dir, and
 * call fn from the loop when that is over, or at once if it cannot be begun.
 */
void flush_start(struct loop *loop, const char *dir, dev_t dev, flush_fn *fn,
		 void *ctx);

#endif
