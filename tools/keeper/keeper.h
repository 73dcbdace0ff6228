/* SPDX-License-Identifier: MIT */
#ifndef TZ_KEEPER_H
#define TZ_KEEPER_H

/*
 * A small process beside the daemon, with no secrets and no descriptors but a
 * socket to it.  The daemon confines itself (sandbox.h) so that it can neither
 * mount nor unmount nor run anything; the keeper unmounts for it, and writes
 * umount(8)'s table (utab.h).  When the daemon dies before it has unmounted,
 * the keeper does that at once, so that the folder is usable again.  With the
 * mount go its copies elsewhere and in other mount namespaces (everywhere.h).
 * It never unmounts what is alive or another's (stale.h), and ends with the
 * daemon.
 *
 * A keeper that has died is missed at the end only: all calls then say -EPIPE.
 * None waits for longer than KEEPER_SECONDS.
 */

#include <sys/types.h>

enum { KEEPER_SECONDS = 10 };

#include "fs/ramfiles.h"
#include "tools/options.h"

struct keeper;

/*
 * Start one, before there is anything secret and any other thread.  The caller
 * ends *ret.  0, -ENOMEM, or the -errno of socketpair(2) or fork(2).
 */
int keeper_start(struct keeper **ret);

/*
 * The vault with that path is about to be mounted at dir: from now on, what
 * this process leaves mounted there is unmounted.  Both paths are absolute.
 * 0, -ENAMETOOLONG or -EPIPE.
 */
int keeper_watch(struct keeper *k, const char *vault, const char *dir);

/*
 * It is mounted and has that id and device number (mountinfo).  umount(8)'s
 * table, if this is root, has an entry for it when this returns.  0, -EPIPE,
 * -ETIMEDOUT, or the errors of utab_add(), for a mount that works all the same.
 */
int keeper_mounted(struct keeper *k, int mount_id, dev_t dev);

/*
 * Somebody else has unmounted it, or ended its connection: what there still is
 * of it is unmounted when the daemon ends.  Waits for nothing.
 */
void keeper_gone(struct keeper *k);

/*
 * Unmount what is at dir, also while files in it are open, and its copies; its
 * connection has ended.  root, if it is not negative, is a descriptor (O_PATH)
 * of its root, which cannot be mistaken for another; without it copies are left
 * for the end.  0, -EPIPE, -ETIMEDOUT, or the error of unmounting.
 */
int keeper_unmount(struct keeper *k, const char *dir, int root);

/*
 * Let only those write to the filesystem in memory (ramfiles.h) whose root the
 * descriptor root is.  0, -EBUSY if a file is open for writing, -EPIPE,
 * -ETIMEDOUT, or the -errno of fspick(2) and fsconfig(2).
 */
int keeper_restrict(struct keeper *k, int root, enum ramfiles_writers who);

/*
 * Have it listen for what happens to the machine and to the user's session, as
 * far as the vault is to be locked then.  Waits for nothing.
 */
void keeper_listen(struct keeper *k, enum lock_event suspend,
		   enum lock_event session);

enum keeper_event {
	KEEPER_SAYS_NOTHING,
	KEEPER_SAYS_SLEEP, /* the machine is about to; keeper_stays() lets it */
	KEEPER_SAYS_SESSION, /* it was locked */
	KEEPER_IS_DEAD,	     /* there will be no more of it */
};

/* A descriptor that can be read when there is something to hear. */
int keeper_fd(const struct keeper *k);
enum keeper_event keeper_hear(struct keeper *k);

/* The vault could not be locked and stays mounted.  Waits for nothing. */
void keeper_stays(struct keeper *k);

/*
 * Have a shell run command, whose first argument is text; it is not waited for,
 * and while an earlier one still runs, none is begun.  Waits for nothing.
 */
void keeper_notify(struct keeper *k, const char *command, const char *text);

/*
 * Let it end, after it has unmounted what is left and dead, and wait for
 * that; release k.  NULL is a no-op.
 */
void keeper_end(struct keeper *k);

#endif
