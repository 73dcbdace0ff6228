/* SPDX-License-Identifier: MIT */
#ifndef TZ_BACKEND_H
#define TZ_BACKEND_H

/*
 * A tree shown to other processes as a folder, in whatever way: by FUSE
 * (fuse.h), or as files on a filesystem in memory (ramfiles.h).  A backend is
 * made by its own module and does nothing until backend_serve().
 *
 * All is called under the loop's lock, but for backend_stop() and
 * backend_end().
 */

#include "saver.h"

#include <stdbool.h>
#include <stdint.h>

/* Called under the loop's lock; changed() by whichever thread found out. */
struct backend_events {
	void (*ready)(void *ctx);   /* it can be used */
	void (*gone)(void *ctx);    /* unmounted from outside */
	void (*changed)(void *ctx); /* the tree has changed, or is about to, and
				       whoever did it does not know yet */
	/* What has been written cannot be brought into the tree: -errno; or it
	 * can again: 0. */
	void (*failed)(void *ctx, int err);
	void *ctx;
};

/* How files are shown, whatever the vault says of them. */
struct backend_view {
	bool set_uid, set_gid, set_umask;
	uint32_t uid, gid;
	uint32_t umask; /* permission bits that nobody has */
};

typedef void backend_fn(void *ctx);
typedef void backend_flushed(void *ctx, int err);

struct backend;

/* What a backend is made of; the functions below say what each does. */
struct backend_ops {
	int (*serve)(struct backend *b, struct saver *saver);
	void (*flush)(struct backend *b, backend_flushed *fn, void *ctx);
	bool (*is_behind)(const struct backend *b);
	int (*error)(const struct backend *b);
	int (*freeze)(struct backend *b, bool frozen);
	int (*drop)(struct backend *b, backend_fn *fn, void *ctx);
	int (*revoke)(struct backend *b, backend_fn *fn, void *ctx);
	uint64_t (*requests)(const struct backend *b);
	uint64_t (*uses)(const struct backend *b);
	void (*stop)(struct backend *b);
	bool (*is_connected)(const struct backend *b);
	void (*end)(struct backend *b);
};

/* The beginning of every backend. */
struct backend {
	const struct backend_ops *ops;
};

/*
 * Let others use it, with saver to save what changes; NULL for read-only.  0,
 * -ENOMEM, or the -errno of what it takes.
 */
int backend_serve(struct backend *b, struct saver *saver);

/*
 * Bring the tree up to what programs have written, and call fn when that is
 * done, or has failed; maybe before this returns.  False: this backend has the
 * kernel asked by syncfs(2) on the mount, which is the caller's to do.
 */
bool backend_flush(struct backend *b, backend_flushed *fn, void *ctx);

/* Are there changes, as far as is known, that the tree does not have yet? */
bool backend_is_behind(const struct backend *b);

/* Why it could not be brought up to that the last time: -errno, or 0. */
int backend_error(const struct backend *b);

/*
 * Refuse from now on whatever would change the tree, or take changes again.
 * What was changed until then may get into the tree by this.  0; or -ETXTBSY if
 * that cannot be done because of programs that have files open for writing,
 * whose changes are still taken; or an error of taking changes in.
 */
int backend_freeze(struct backend *b, bool frozen);

/*
 * Have the kernel drop what it has cached, so that whoever uses the mount after
 * this is seen to do so, once at least.  fn is called from the loop when it is
 * over, at the latest after 10 seconds.  0; or the -errno of what it takes,
 * -EOPNOTSUPP if use is seen anyhow, and then fn is not called.
 */
int backend_drop(struct backend *b, backend_fn *fn, void *ctx);

/*
 * For a mount that is about to end: refuse everything from now on, and have
 * what the kernel holds of it overwritten, as it frees pages without wiping
 * them.  fn is called when that is over, at the latest after 10 seconds, maybe
 * before this returns.  0, or the -errno of what it takes: then requests are
 * refused, nothing is overwritten, and fn is not called.
 */
int backend_revoke(struct backend *b, backend_fn *fn, void *ctx);

/* How many requests of the kernel somebody has waited for. */
uint64_t backend_requests(const struct backend *b);

/*
 * A number that grows when a file or folder is used; to ask how much room there
 * is, as monitors do, is not to use it.
 */
uint64_t backend_uses(const struct backend *b);

/* Answer no more, and take in nothing more.  NULL is a no-op. */
void backend_stop(struct backend *b);

/*
 * Is the kernel's side still there?  While it is, its device number is no other
 * mount's.
 */
bool backend_is_connected(const struct backend *b);

/*
 * As backend_stop(); then let go of the kernel's side, and release b.  To
 * unmount it is the caller's, who knows where it is by now.  NULL is a no-op.
 */
void backend_end(struct backend *b);

#endif
