/* SPDX-License-Identifier: MIT */
#ifndef TZ_DAEMON_IMPL_H
#define TZ_DAEMON_IMPL_H

/*
 * What the daemon's life (daemon.c), its answers (daemon_ops.c), its locking of
 * itself (daemon_auto.c) and its end (daemon_end.c) share.
 */

#include "autolock.h"
#include "daemon.h"
#include "ending.h"
#include "flush.h"
#include "fs/autoseal.h"
#include "fs/backend.h"
#include "leases.h"
#include "pin.h"
#include "tools/control/control.h"
#include "tools/keeper/keeper.h"
#include "tools/machine/rung.h"
#include "tools/vault/openvault.h"

struct daemon {
	const struct daemon_parts *parts;
	struct keeper *keeper;
	struct opened vault;
	struct tree *tree;
	struct saver *saver; /* NULL: read-only */
	struct loop *loop;
	struct backend *backend;
	enum rung rung; /* which way the backend is */
	struct control *control;
	struct ending *ending;
	struct autoseal *autoseal; /* NULL: read-only, or seal=off */
	struct pin *pin;	   /* NULL: none is wanted, or possible */
	bool seal_failing;	   /* the last seal of autoseal's did */
	dev_t dev;		   /* of the mount */
	int mount_id;		   /* in mountinfo; -1: not known */
	int signals;		   /* descriptor, or -1 */
	int mounts;		   /* the kernel's table of them, or -1 */
	int mounts_rest;	   /* timer: until it is looked at again */
	bool ready;		   /* was announced */
	struct {
		struct leases *leases; /* NULL: not started */
		struct autolock when;
		int timer;
		bool is_dropping; /* the kernel's caches */
		bool is_stopped;
	} automatic;
};

/*
 * Make d's backend and mount it, without anybody being answered yet.  What goes
 * wrong is said.
 */
enum exit_code daemon_show(struct daemon *d,
			   const struct backend_events *events);

/* What it does when it is asked through the control socket. */
struct control_ops daemon_ops(struct daemon *d);

/*
 * Have what the kernel keeps of changes handed over, then call fn; ctx is the
 * struct daemon.
 */
void daemon_flush(void *ctx, flush_fn *fn, void *fn_ctx);

/*
 * Lock by itself, as the options have it: after some time without use, some
 * time after the unlock, or when the last lease has ended.  0 or -errno.
 */
int daemon_auto_start(struct daemon *d);

/* Take a lease (leases_add()). */
int daemon_auto_lease(struct daemon *d, int process, int terminal);

/* What there is to say of it in an answer to "status". */
void daemon_auto_print(const struct daemon *d, FILE *out);

/* Do no more of this, and release what is left of it.  Both may be called
 * again, or without a start. */
void daemon_auto_stop(struct daemon *d);
void daemon_auto_free(struct daemon *d);

/* Unmount, have unmounted, wipe and release all of d. */
void daemon_end(struct daemon *d);

#endif
