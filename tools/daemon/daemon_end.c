/* SPDX-License-Identifier: MIT */
/* How a daemon leaves: nothing of it stays mounted, or in memory. */
#include "daemon_impl.h"

#include "crypto/mem.h"
#include "tools/mounts/mounts.h"
#include "tools/vault/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

/*
 * Find and hold what is to be unmounted.  The numbers that the kernel gave our
 * mount may be another's if ours has gone; so it counts only if the connection
 * is there after that.  A descriptor and the path, which the caller frees, or
 * -1.
 */
static int hold_root(const struct daemon *d, char **dir)
{
	int root;

	if (mounts_find(dir, d->mount_id) != 0)
		return -1;
	root = pin_open_root(*dir, d->mount_id, d->dev);
	if (root >= 0 && backend_is_connected(d->backend))
		return root;
	if (root >= 0)
		(void)close(root);
	free(*dir);
	*dir = NULL;
	return -1;
}

/* End the connection, then have unmounted what is left of it. */
static void end_mount(struct daemon *d, bool is_gone)
{
	char *dir = NULL;
	int root = -1, err = 0;

	if (d->backend != NULL && !is_gone)
		root = hold_root(d, &dir);
	backend_end(d->backend);
	if (root >= 0)
		err = keeper_unmount(d->keeper, dir, root);
	else if (d->backend != NULL && !is_gone)
		msg_log(LOG_ERR,
			"%s: ended, but something is mounted over it; run "
			"'umount %s' when that has gone",
			d->parts->dir, d->parts->dir);
	if (err != 0)
		msg_log(LOG_ERR,
			"%s: cannot unmount what is left there: %s; run "
			"'umount %s', or mount something there again",
			dir,
			err == -EPIPE ? "the keeper process has died"
				      : msg_error(err),
			dir);
	if (root >= 0)
		(void)close(root);
	free(dir);
}

/* Save what only a loop that broke can have left. */
static void save_rest(struct daemon *d)
{
	const bool is_safe = d->ending != NULL && ending_is_safe(d->ending);

	if (!is_safe && saver_state(d->saver).dirty &&
	    saver_flush(d->saver) != 0)
		msg_log(LOG_ERR, "%s: the last changes could not be saved",
			store_path(d->vault.store));
}

/* Have what others see of it ended. */
static void vanish(struct daemon *d)
{
	pin_free(d->pin);
	/* A mount whose daemon listens is alive, to whoever unmounts others. */
	control_shut(d->control);
	end_mount(d, d->ending != NULL && ending_is_gone(d->ending));
}

/* ... and let go of what is left of that. */
static void let_go(struct daemon *d)
{
	keeper_end(d->keeper);
	ending_free(d->ending);
	control_end(d->control);
}

/*
 * Without a save: a seal may be under way, and its disk may never answer, so
 * nothing is released that it uses, and no file on that disk is closed.
 */
static _Noreturn void abandon(struct daemon *d)
{
	vanish(d);
	let_go(d);
	saver_abandon(d->saver);
	mem_wipe_all();
	_exit(EXIT_DONE);
}

void daemon_end(struct daemon *d)
{
	struct saver_state s = {0};

	backend_stop(d->backend);
	daemon_auto_stop(d);
	autoseal_stop(d->autoseal);
	d->autoseal = NULL; /* a seal may still end */
	if (d->ending != NULL && ending_is_discarded(d->ending))
		abandon(d);
	if (d->saver != NULL) {
		save_rest(d);
		s = saver_state(d->saver);
	}
	saver_stop(d->saver);
	vanish(d);
	/* Now that its folder cannot be in the mount any more. */
	(void)seen_note(&s.params);
	let_go(d);
	daemon_auto_free(d);
	loop_free(d->loop);
	if (d->signals >= 0)
		(void)close(d->signals);
	if (d->mounts >= 0)
		(void)close(d->mounts);
	if (d->mounts_rest >= 0)
		(void)close(d->mounts_rest);
	tree_free(d->tree);
	openvault_close(&d->vault);
}
