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

typedef void flush_fn(void *ctx);

/*
 * Flush the mount with device number dev, if it is what one finds at dir, and
 * call fn from the loop when that is over.  On an error fn is called at once:
 * what the kernel keeps is then not sealed, as if it were written later.
 */
void flush_start(struct loop *loop, const char *dir, dev_t dev, flush_fn *fn,
		 void *ctx);

#endif
