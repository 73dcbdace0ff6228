/* SPDX-License-Identifier: MIT */
#ifndef TZ_FUSE_OPS_H
#define TZ_FUSE_OPS_H

/* What the session (fuse.c) and the requests (fuse_ops.c) share. */

#include "fuse.h"

#include <fuse_lowlevel.h>
#include <stddef.h>

enum {
	/* The largest write, and so the largest read: what the kernel reads
	 * ahead by default.  More was not faster and is paid in locked memory.
	 */
	FUSE_OPS_MAX_IO = 128 << 10,
};

struct mount {
	struct mount_parts parts;
	struct mount_events events;
	struct mount_view view;
	bool frozen;  /* changes are refused */
	bool greeted; /* the kernel's INIT has come */
	bool ready;   /* ... and was answered */
	bool gone;
	uint8_t *bounce;  /* FUSE_OPS_MAX_IO bytes, locked: replies */
	uint8_t *request; /* locked: what the kernel sends */
	size_t request_size;
	struct fuse_session *session;
};

/* One function per request; the user data of the session is a struct mount. */
extern const struct fuse_lowlevel_ops fuse_ops;

#endif
