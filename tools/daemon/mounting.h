/* SPDX-License-Identifier: MIT */
#ifndef TZ_MOUNTING_H
#define TZ_MOUNTING_H

#include "fs/fuse.h"
#include "tools/msg.h"

/*
 * mount_new(), with a failure said in one line of our own instead of
 * libfuse's and fusermount3's.  EXIT_DONE, EXIT_MEMORY or EXIT_MOUNT.
 */
enum exit_code mounting_new(struct backend **ret, const char *dir,
			    const struct mount_parts *parts,
			    const struct mount_options *options,
			    const struct backend_events *events);

#endif
