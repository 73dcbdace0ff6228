/* SPDX-License-Identifier: MIT */
/*
 * Order matters here: the passphrase and everything after it comes after the
 * last fork, since locked memory does not survive one; the tag is verified
 * before anything is mounted; the mount is announced once the kernel has made
 * contact.
 */
#include "daemon.h"

#include "control.h"
#include "crypto/crypto.h"
#include "crypto/mem.h"
#include "ending.h"
#include "flush.h"
#include "fs/autoseal.h"
#include "fs/fuse.h"
#include "mounting.h"
#include "mounts.h"
#include "openvault.h"
#include "pin.h"
#include "report.h"
#include "seen.h"
#include "utab.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* Between two vaults that are kept, so that a busy hour does not push
 * yesterday's out. */
enum { HISTORY_SECONDS = 60 };

struct daemon {
	const struct daemon_parts *parts;
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

static void on_ready(void *ctx)
{
	struct daemon *d = ctx;

	d->ready = true;
	d->parts->ready(d->parts->ctx);
}

static void on_gone(void *ctx)
{
	struct daemon *d = ctx;

	if (geteuid() == 0)
		utab_remove(d->parts->dir);
	/* Its device number may soon be another mount's. */
	control_hide(d->control);
	autoseal_stop(d->autoseal);
	d->autoseal = NULL;
	ending_gone(d->ending);
}

static void on_changed(void *ctx)
{
	struct daemon *d = ctx;

	pin_hold(d->pin);
	if (d->autoseal != NULL)
		autoseal_changed(d->autoseal);
}

/* All is durable: whoever is told so may unmount. */
static void on_settled(void *ctx)
{
	struct daemon *d = ctx;

	pin_release(d->pin);
	if (d->autoseal != NULL)
		autoseal_settled(d->autoseal);
	if (d->seal_failing && saver_state(d->saver).error == 0) {
		d->seal_failing = false;
		msg_log(LOG_NOTICE, "%s: saved at last",
			store_path(d->vault.store));
	}
}

/* A mount that was detached from its folder ends when nothing holds it. */
static void unpin_detached(struct daemon *d)
{
	char *dir = NULL;

	if (mounts_find(&dir, d->mount_id) == -ENOENT)
		pin_release(d->pin);
	free(dir);
}

/* Nobody waits for these seals, so the log has to tell. */
static void on_autoseal(void *ctx, int err)
{
	struct daemon *d = ctx;

	if (err != 0 && !d->seal_failing)
		msg_log(LOG_ERR,
			"%s: cannot save: %s; the changes are kept in memory, "
			"and saving is tried again",
			store_path(d->vault.store), msg_error(err));
	d->seal_failing = err != 0;
	if (err != 0)
		unpin_detached(d);
}

/* Have what the kernel keeps handed over, then call fn. */
static void flush(void *ctx, flush_fn *fn, void *fn_ctx)
{
	struct daemon *d = ctx;
	char *dir = NULL;

	if (d->saver != NULL && mounts_find(&dir, d->mount_id) == 0)
		flush_start(d->loop, dir, d->dev, fn, fn_ctx);
	else
		fn(fn_ctx);
	free(dir);
}

static void on_signal(void *ctx, int fd)
{
	struct signalfd_siginfo info;
	struct daemon *d = ctx;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	ending_signal(d->ending);
}

static void on_saved(void *ctx, int fd)
{
	struct daemon *d = ctx;

	(void)fd;
	saver_collect(d->saver);
}

/* A save that somebody waits for. */
struct save {
	struct daemon *daemon;
	struct control_request *request;
};

static void reply_save(void *ctx, int err)
{
	struct save *save = ctx;

	control_reply(save->request, err);
	free(save);
}

static void on_flushed(void *ctx)
{
	struct save *save = ctx;
	int err = saver_request(save->daemon->saver, VAULT_FRESH, reply_save,
				save);

	if (err != 0)
		reply_save(save, err);
}

static void do_save(void *ctx, struct control_request *r)
{
	struct daemon *d = ctx;
	struct save *save = d->saver != NULL ? malloc(sizeof(*save)) : NULL;

	if (save == NULL) {
		control_reply(r, d->saver != NULL ? -ENOMEM : -ENOTSUP);
		return;
	}
	*save = (struct save){d, r};
	flush(d, on_flushed, save);
}

static void do_lock(void *ctx, struct control_request *r)
{
	struct daemon *d = ctx;
	char *dir = NULL;

	/* What is mounted in or over it would be left over nothing. */
	if (mounts_find(&dir, d->mount_id) == -EBUSY ||
	    mounts_is_busy(d->mount_id, d->dev))
		control_reply(r, -EBUSY);
	else
		ending_lock(d->ending, r);
	free(dir);
}

static void do_status(void *ctx, FILE *out)
{
	const struct daemon *d = ctx;
	struct report r = {
		.vault = store_path(d->vault.store),
		.dir = d->parts->dir,
		.read_only = d->saver == NULL,
		.usage = tree_usage(d->tree),
		.requests = mount_requests(d->mount),
	};

	/* With a saver, the vault itself belongs to the saver's thread. */
	if (d->saver != NULL)
		r.saver = saver_state(d->saver);
	else
		r.saver.params = *vault_params(d->vault.vault);
	report_print(out, &r);
}

/*
 * In the sealing thread: the state folder may be in the mount itself, which is
 * served meanwhile.
 */
static void on_stored(void *ctx, const struct seal_params *p)
{
	(void)ctx;
	(void)seen_note(p);
}

static int start_saver(struct daemon *d)
{
	const struct saver_parts parts = {
		.sealing = {.vault = d->vault.vault,
			    .store = d->vault.store,
			    .history = {d->parts->options->keep,
					HISTORY_SECONDS},
			    .stored = on_stored},
		.tree = d->tree,
		.settled = on_settled,
		.ctx = d,
	};
	const struct seal_options *o = &d->parts->options->seal;
	const struct autoseal_policy policy = {o->quiet_ms, o->most_ms,
					       on_autoseal, d};
	int err = saver_start(&d->saver, &parts);

	if (err != 0 || o->off)
		return err;
	return autoseal_start(&d->autoseal, d->loop, d->saver, &policy);
}

/* Watch signals and the saver. */
static int watch(struct daemon *d)
{
	sigset_t set;
	int err;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signals < 0)
		return -errno;
	err = loop_add(d->loop, d->signals, on_signal, d);
	if (err != 0 || d->vault.read_only)
		return err;
	err = start_saver(d);
	if (err == 0)
		err = loop_add(d->loop, saver_fd(d->saver), on_saved, d);
	return err;
}

/* Files of strangers would be closed to a user who owns the whole vault. */
static void default_view(struct mount_view *view)
{
	if (geteuid() == 0)
		return;
	if (!view->set_uid)
		view->uid = geteuid();
	if (!view->set_gid)
		view->gid = getegid();
	view->set_uid = view->set_gid = true;
}

static void start_control(struct daemon *d)
{
	const struct control_ops ops = {do_status, do_save, do_lock, d};
	const struct mounted *ours = NULL;
	struct mounted *m = NULL;
	int err = mounts_read(&m);

	/* Another vault may be mounted over it already. */
	if (err == 0)
		ours = mounts_at(m, d->parts->dir);
	while (ours != NULL &&
	       strcmp(ours->vault, store_path(d->vault.store)) != 0)
		ours = mounts_at(ours->next, d->parts->dir);
	if (ours != NULL) {
		d->dev = ours->dev;
		d->mount_id = ours->id;
	}
	if (ours != NULL && d->autoseal != NULL) {
		/* The mount is served already. */
		loop_lock(d->loop);
		(void)pin_new(&d->pin, d->parts->dir, d->mount_id);
		if (saver_state(d->saver).dirty)
			pin_hold(d->pin);
		loop_unlock(d->loop);
	}
	/* Without such a table, umount(8) returns before the last seal. */
	if (ours != NULL && geteuid() == 0)
		(void)utab_add(store_path(d->vault.store), d->parts->dir);
	if (err == 0)
		err = ours != NULL ? control_start(&d->control, d->loop,
						   ours->dev, &ops)
				   : -ENOENT;
	if (err != 0)
		msg_say("%s: no control socket (%s); end this mount with "
			"umount",
			d->parts->dir, msg_error(err));
	mounts_free(m);
}

static enum exit_code start_ending(struct daemon *d)
{
	const struct ending_parts parts = {
		.loop = d->loop,
		.mount = d->mount,
		.saver = d->saver,
		.store = d->vault.store,
		.flush = flush,
		.ctx = d,
	};
	int err = ending_new(&d->ending, &parts);

	if (err != 0)
		return msg_fail(EXIT_FAILED, "cannot start: %s",
				msg_error(err));
	return EXIT_DONE;
}

static enum exit_code start(struct daemon *d)
{
	const struct options *o = d->parts->options;
	struct mount_options options = {
		.fuse_options = o->fuse != NULL ? o->fuse : "",
		.view = o->view,
		.no_cache = o->no_cache,
		.writeback = o->writeback,
		.seal_on_close = o->seal.close,
	};
	const struct mount_events events = {on_ready, on_gone, on_changed, d};
	struct mount_parts parts;
	enum exit_code code;
	int err = crypto_start();

	if (err == -ENOMEM)
		return msg_fail_memory(d->parts->vault);
	if (err != 0)
		return msg_fail(EXIT_FAILED, "cannot start: %s",
				msg_error(err));
	mem_secret_limit(o->secret);
	code = openvault_open(&d->vault, o, d->parts->vault);
	if (code == EXIT_DONE)
		code = openvault_tree(&d->tree, &d->vault, o);
	if (code != EXIT_DONE)
		return code;
	err = loop_new(&d->loop);
	if (err == 0)
		err = watch(d);
	if (err == -ENOMEM)
		return msg_fail_memory(d->parts->vault);
	if (err != 0)
		return msg_fail(EXIT_FAILED, "cannot start: %s",
				msg_error(err));
	parts = (struct mount_parts){d->tree, d->saver, d->loop};
	options.source = store_path(d->vault.store);
	options.read_only = d->vault.read_only;
	default_view(&options.view);
	code = mounting_start(&d->mount, d->parts->dir, &parts, &options,
			      &events);
	if (code == EXIT_DONE) {
		start_control(d);
		code = start_ending(d);
	}
	return code;
}

/*
 * Find and hold what is to be unmounted.  The numbers that the kernel gave our
 * mount may be another's if ours has gone; so it counts only if the connection
 * is there after that.  The caller frees the path.
 */
static char *hold_root(const struct daemon *d, struct mount_place *place)
{
	char *dir = NULL;

	if (mounts_find(&dir, d->mount_id) != 0)
		return NULL;
	place->root = pin_open_root(dir, d->mount_id, d->dev);
	if (place->root >= 0 && mount_is_connected(d->mount))
		place->dir = dir;
	return dir;
}

static void stop(struct daemon *d)
{
	const bool is_gone = d->ending != NULL && ending_is_gone(d->ending);
	const bool is_safe = d->ending != NULL && ending_is_safe(d->ending);
	struct saver_state s = {0};
	struct mount_place place = {NULL, -1};
	char *dir = NULL;

	mount_stop(d->mount);
	autoseal_stop(d->autoseal);
	d->autoseal = NULL; /* a seal may still end */
	if (d->saver != NULL)
		s = saver_state(d->saver);
	/* Only a loop that broke leaves anything to do here. */
	if (s.dirty && !is_safe && saver_flush(d->saver) != 0)
		msg_log(LOG_ERR, "%s: the last changes could not be saved",
			store_path(d->vault.store));
	if (d->saver != NULL)
		s = saver_state(d->saver);
	saver_stop(d->saver);
	pin_free(d->pin);
	if (d->mount != NULL && !is_gone)
		dir = hold_root(d, &place);
	mount_end(d->mount, &place);
	/* Now that its folder cannot be in the mount any more. */
	(void)seen_note(&s.params);
	if (place.dir != NULL && geteuid() == 0)
		utab_remove(place.dir);
	if (place.root >= 0)
		(void)close(place.root);
	free(dir);
	ending_free(d->ending);
	control_end(d->control);
	loop_free(d->loop);
	if (d->signals >= 0)
		(void)close(d->signals);
	tree_free(d->tree);
	openvault_close(&d->vault);
}

enum exit_code daemon_run(const struct daemon_parts *parts)
{
	struct daemon d = {.parts = parts, .signals = -1, .mount_id = -1};
	enum exit_code code = start(&d);

	if (code == EXIT_DONE && loop_run(d.loop) != 0)
		code = EXIT_FAILED;
	if (code == EXIT_DONE && !d.ready)
		code = msg_fail(EXIT_MOUNT,
				"%s: unmounted, or interrupted, "
				"before it was ready",
				parts->dir);
	/* What could not be saved in its place was said when it was put
	 * somewhere else. */
	if (code == EXIT_DONE && ending_error(d.ending) != 0)
		code = EXIT_FAILED;
	stop(&d);
	return code;
}
