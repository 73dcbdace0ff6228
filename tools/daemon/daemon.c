/* SPDX-License-Identifier: MIT */
/*
 * Order matters here: the passphrase and everything after it comes after the
 * last fork, since locked memory does not survive one; the tag is verified
 * before anything is mounted; what the sandbox forbids is done before it, and
 * no other thread is started, nor anybody answered; the mount is announced once
 * the kernel has made contact.
 */
#include "daemon_impl.h"

#include "crypto/crypto.h"
#include "place.h"
#include "sandbox.h"
#include "tools/mounts/mounts.h"
#include "tools/vault/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <syslog.h>
#include <unistd.h>

/* Between two vaults that are kept, so that a busy hour does not push
 * yesterday's out. */
enum { HISTORY_SECONDS = 60 };

static void on_ready(void *ctx)
{
	struct daemon *d = ctx;

	d->ready = true;
	d->parts->ready(d->parts->ctx);
}

/* Nobody finds it any more; what it has is still to be saved. */
static void leave(struct daemon *d)
{
	keeper_gone(d->keeper);
	/* Its device number may soon be another mount's. */
	control_gone(d->control);
	autoseal_stop(d->autoseal);
	d->autoseal = NULL;
	daemon_auto_stop(d);
}

static void on_gone(void *ctx)
{
	struct daemon *d = ctx;

	leave(d);
	ending_gone(d->ending);
}

static int watch_table(struct daemon *d);

/* Mounts have come or gone.  Where many do, not each of them is looked at. */
static void on_mounts(void *ctx, int fd)
{
	const struct itimerspec rest = {.it_value = {0, 100000000}};
	struct daemon *d = ctx;

	loop_remove(d->loop, fd);
	if (mounts_have(d->mount_id, d->dev)) {
		(void)timerfd_settime(d->mounts_rest, 0, &rest, NULL);
		return;
	}
	leave(d);
	pin_release(d->pin);
	ending_detached(d->ending);
}

static void on_rest(void *ctx, int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	/* What has changed meanwhile is told then. */
	(void)watch_table(ctx);
}

static int watch_table(struct daemon *d)
{
	return loop_add_urgent(d->loop, d->mounts, on_mounts, d);
}

static void on_changed(void *ctx)
{
	struct daemon *d = ctx;

	pin_hold(d->pin);
	if (d->autoseal != NULL)
		autoseal_changed(d->autoseal);
}

/* Nobody waits for this either. */
static void on_failed(void *ctx, int err)
{
	const struct daemon *d = ctx;

	if (err == 0)
		msg_log(LOG_NOTICE,
			"%s: what was written there can be saved "
			"again",
			d->parts->dir);
	else
		msg_log(LOG_ERR,
			"%s: what was written there cannot be saved: %s; it is "
			"tried again",
			d->parts->dir, msg_error(err));
}

/* All is durable: whoever is told so may unmount. */
static void on_settled(void *ctx)
{
	struct daemon *d = ctx;

	/* What is not in the tree yet is not durable either. */
	if (backend_is_behind(d->backend))
		return;
	pin_release(d->pin);
	if (d->autoseal != NULL)
		autoseal_settled(d->autoseal);
	if (d->seal_failing && saver_state(d->saver).error == 0) {
		d->seal_failing = false;
		msg_log(LOG_NOTICE, "%s: saved at last",
			store_path(d->vault.store));
	}
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
}

static void on_signal(void *ctx, int fd)
{
	struct signalfd_siginfo info;
	struct daemon *d = ctx;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	ending_demand(d->ending, NULL);
}

static void on_keeper(void *ctx, int fd)
{
	struct daemon *d = ctx;

	switch (keeper_hear(d->keeper)) {
	case KEEPER_SAYS_NOTHING:
		break;
	case KEEPER_SAYS_SLEEP:
		ending_demand(d->ending, "the machine is about to sleep");
		break;
	case KEEPER_SAYS_SESSION:
		ending_demand(d->ending, "the session was locked");
		break;
	case KEEPER_IS_DEAD:
		loop_remove(d->loop, fd);
		msg_log(LOG_WARNING,
			"%s: its keeper process has died; it is locked as "
			"before, but not when the machine sleeps, and what a "
			"crash leaves has to be unmounted",
			store_path(d->vault.store));
		break;
	}
}

/* It was to be locked, and could not be. */
static void on_stays(void *ctx)
{
	struct daemon *d = ctx;

	keeper_stays(d->keeper);
}

static void on_saved(void *ctx, int fd)
{
	struct daemon *d = ctx;

	(void)fd;
	saver_collect(d->saver);
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

	if (err == 0)
		err = loop_add(d->loop, saver_fd(d->saver), on_saved, d);
	if (err != 0 || o->off)
		return err;
	return autoseal_start(&d->autoseal, d->loop, d->saver, &policy);
}

static int watch_signals(struct daemon *d)
{
	struct sigaction action;
	sigset_t set;

	/* With these, threads are interrupted; whoever started this may have
	 * them blocked. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	/* With nohup(1) it outlives the terminal. */
	if (sigaction(SIGHUP, NULL, &action) == 0 &&
	    action.sa_handler != SIG_IGN)
		(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signals < 0)
		return -errno;
	return loop_add(d->loop, d->signals, on_signal, d);
}

/* Learn what the kernel calls our mount, and let the keeper know. */
static int find_mount(struct daemon *d)
{
	const struct mounted *ours = NULL;
	struct mounted *m = NULL;
	int err = mounts_read(&m);

	/* Another vault may be mounted over it already. */
	if (err == 0)
		ours = d->mount_id >= 0 ? mounts_with(m, d->mount_id)
					: mounts_at(m, d->parts->dir);
	while (ours != NULL &&
	       strcmp(ours->vault, store_path(d->vault.store)) != 0)
		ours = mounts_at(ours->next, d->parts->dir);
	if (ours != NULL) {
		d->dev = ours->dev;
		d->mount_id = ours->id;
		/* Without such a table, umount(8) returns before the last
		 * seal. */
		(void)keeper_mounted(d->keeper, d->mount_id, d->dev);
	}
	mounts_free(m);
	return err == 0 && ours == NULL ? -ENOENT : err;
}

/* The kernel tells when any mount has come or gone (proc(5), mountinfo). */
static int watch_mounts(struct daemon *d)
{
	int err;

	if (d->mount_id < 0)
		return 0;
	d->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	d->mounts_rest =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->mounts < 0 || d->mounts_rest < 0)
		return -errno;
	err = loop_add(d->loop, d->mounts_rest, on_rest, d);
	return err == 0 ? watch_table(d) : err;
}

/* From here on the mount is served. */
static void start_control(struct daemon *d)
{
	const struct control_ops ops = daemon_ops(d);
	int err = -ENOENT;

	if (control_is_started(d->control))
		return;
	if (d->mount_id >= 0)
		err = control_start(d->control, d->loop, d->dev, &ops);
	if (err != 0)
		msg_say("%s: no control socket (%s); end this mount with "
			"umount",
			d->parts->dir, msg_error(err));
}

static enum exit_code start_failed(const struct daemon *d, int err)
{
	if (err == -ENOMEM)
		return msg_fail_memory(d->parts->vault);
	return msg_fail(EXIT_FAILED, "cannot start: %s", msg_error(err));
}

static enum exit_code start_ending(struct daemon *d)
{
	const struct ending_parts parts = {
		.loop = d->loop,
		.backend = d->backend,
		.saver = d->saver,
		.store = d->vault.store,
		.flush = daemon_flush,
		.stays = on_stays,
		.ctx = d,
	};
	int err = ending_new(&d->ending, &parts);

	return err == 0 ? EXIT_DONE : start_failed(d, err);
}

static enum exit_code open_vault(struct daemon *d)
{
	const struct options *o = d->parts->options;
	enum exit_code code;
	int err = crypto_start();

	if (err != 0)
		return start_failed(d, err);
	code = openvault_open(&d->vault, o, d->parts->vault);
	if (code == EXIT_DONE)
		code = openvault_tree(&d->tree, &d->vault, o);
	return code;
}

/* Mount the vault, and give up all that is not needed from then on. */
static enum exit_code mount_confined(struct daemon *d)
{
	const struct backend_events events = {on_ready, on_gone, on_changed,
					      on_failed, d};
	const char *vault = store_path(d->vault.store);
	struct sandbox *sandbox = NULL;
	enum exit_code code;
	int err = control_new(&d->control), root = -1;

	if (err == 0)
		err = keeper_watch(d->keeper, vault, d->parts->dir);
	if (err != 0)
		return start_failed(d, err);
	code = sandbox_new(&sandbox, vault, d->vault.read_only);
	if (code == EXIT_DONE)
		code = daemon_show(d, &events);
	if (code == EXIT_DONE && find_mount(d) == 0)
		root = pin_open_root(d->parts->dir, d->mount_id, d->dev);
	if (code == EXIT_DONE)
		code = sandbox_enter(sandbox, root, rung_is_files(d->rung));
	if (root >= 0)
		(void)close(root);
	sandbox_free(sandbox);
	return code;
}

/* Start the threads, and answer whoever waits for them. */
static enum exit_code serve(struct daemon *d)
{
	int err = d->vault.read_only ? 0 : start_saver(d);
	enum exit_code code;

	/* If this fails, umount(8) is not held off. */
	if (err == 0 && d->autoseal != NULL && d->mount_id >= 0)
		(void)pin_new(&d->pin, d->parts->dir, d->mount_id);
	if (err != 0)
		return start_failed(d, err);
	code = start_ending(d);
	if (code != EXIT_DONE)
		return code;
	err = watch_mounts(d);
	if (err == 0)
		err = loop_add(d->loop, keeper_fd(d->keeper), on_keeper, d);
	if (err == 0)
		err = daemon_auto_start(d);
	if (err == 0)
		err = backend_serve(d->backend, d->saver);
	if (err != 0)
		return start_failed(d, err);
	start_control(d);
	return EXIT_DONE;
}

static enum exit_code start(struct daemon *d)
{
	enum exit_code code;
	int err = keeper_start(&d->keeper);

	if (err != 0)
		return start_failed(d, err);
	code = open_vault(d);
	if (code != EXIT_DONE)
		return code;
	err = loop_new(&d->loop);
	if (err == 0)
		err = watch_signals(d);
	if (err != 0)
		return start_failed(d, err);
	code = mount_confined(d);
	return code == EXIT_DONE ? serve(d) : code;
}

enum exit_code daemon_run(const struct daemon_parts *parts)
{
	struct daemon d = {.parts = parts,
			   .signals = -1,
			   .mounts = -1,
			   .mounts_rest = -1,
			   .mount_id = -1};
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
	daemon_end(&d);
	return code;
}
