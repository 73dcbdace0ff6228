/* SPDX-License-Identifier: MIT */
#ifndef TZ_ENDING_H
#define TZ_ENDING_H

/*
 * How a mount ends: by a lock, by itself, by a signal, or because it was
 * unmounted.
 *
 * A lock goes: save; refuse further changes; if some came meanwhile, save
 * once more; refuse everything, and have the kernel's copies overwritten; end
 * the loop.  If it cannot be saved, it stays mounted, and nothing was refused
 * but changes.
 *
 * After a signal, or when the mount is gone, there is no way back: what cannot
 * be saved is put aside, sealed, in a rescue file.  If even that is impossible,
 * a mount that is still there stays, and one that is gone is tried to be saved
 * again and again: this process then has the only copy.
 *
 * Who may not answer is the disk.  What locks by itself, or by a signal, is
 * revoked after four seconds all the same, and saved and unmounted when the
 * disk is back.
 *
 * Files in memory (fs/ramfiles.h) are still written to by who has them open for
 * that.  A lock that somebody waits for is refused then; others go on.
 *
 * A mount that was detached from its folder (umount -l) would be served to
 * those who have files open in it for as long as they like: it is revoked, then
 * it is as one that is gone.
 */

#include "flush.h"
#include "fs/backend.h"
#include "fs/loop.h"
#include "fs/saver.h"
#include "fs/store.h"
#include "tools/control/control.h"

#include <stdbool.h>

struct ending;

/* All borrowed. */
struct ending_parts {
	struct loop *loop;
	struct backend *backend;
	struct saver *saver; /* NULL: read-only */
	const struct store *store;
	/* Have what the kernel keeps handed over, then call fn. */
	void (*flush)(void *ctx, flush_fn *fn, void *fn_ctx);
	void (*stays)(void *ctx); /* there will be no lock, as it was before */
	void *ctx;
};

/* The caller ends *ret.  0, -ENOMEM, or the -errno of timerfd_create(2). */
int ending_new(struct ending **ret, const struct ending_parts *parts);

/* Somebody asks for a lock, and is told if there will be none. */
void ending_lock(struct ending *e, struct control_request *r);

/*
 * Somebody asks for an end without a save: what no seal holds is dropped.  No
 * disk is waited for, not even for a seal that is under way.
 */
void ending_discard(struct ending *e, struct control_request *r);

/*
 * A signal asks for it, or with why, which goes to the log, the vault itself.
 * Nobody waits for the answer.
 */
void ending_demand(struct ending *e, const char *why);

/* The mount has been detached from its folder, or taken away. */
void ending_detached(struct ending *e);
void ending_gone(struct ending *e);

/* Is it about to end?  A save that fails may still keep it. */
bool ending_is_under_way(const struct ending *e);

/* Is there nothing to unmount any more? */
bool ending_is_gone(const struct ending *e);

/* Has the loop ended without a save, maybe while a seal is under way? */
bool ending_is_discarded(const struct ending *e);

/* The loop has ended.  Is there nothing that this process alone has? */
bool ending_is_safe(const struct ending *e);

/* The error of the last save, if that had to be put aside or beside. */
int ending_error(const struct ending *e);

/* Tell those who asked for a lock that it is done, at the exit; release e. */
void ending_free(struct ending *e);

#endif
