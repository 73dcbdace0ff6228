/* SPDX-License-Identifier: MIT */
#ifndef TZ_DAEMON_IMPL_H
#define TZ_DAEMON_IMPL_H

/* What the daemon's life (daemon.c) and its answers (daemon_ops.c) share. */

#include "control.h"
#include "daemon.h"
#include "ending.h"
#include "flush.h"
#include "fs/autoseal.h"
#include "fs/fuse.h"
#include "keeper.h"
#include "openvault.h"
#include "pin.h"

struct daemon {
	const struct daemon_parts *parts;
	struct keeper *keeper;
	struct opened vault;
	struct tree *tree;
	struct saver *saver; /* NULL: read-only */
	struct loop *loop;
	struct mount *mount;
	struct control *control;
	struct ending *ending;
	struct autoseal *autoseal; /* NULL: read-only, or seal=off */
	struct pin *pin;	   /* NULL: none is wanted, or possible */
	bool seal_failing;	   /* the last seal of autoseal's did */
	dev_t dev;		   /* of the mount */
	int mount_id;		   /* in mountinfo; -1: not known */
	int signals;		   /* descriptor, or -1 */
	bool ready;		   /* was announced */
};

/* What it does when it is asked through the control socket. */
struct control_ops daemon_ops(struct daemon *d);

/*
 * Have what the kernel keeps of changes handed over, then call fn; ctx is the
 * struct daemon.
 */
void daemon_flush(void *ctx, flush_fn *fn, void *fn_ctx);

#endif
