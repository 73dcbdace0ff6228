/* SPDX-License-Identifier: MIT */
#include "leased.h"

#include "child.h"
#include "home.h"
#include "init.h"
#include "join.h"
#include "relock.h"
#include "target.h"
#include "tools/control/control.h"
#include "tools/daemon/place.h"
#include "tools/daemon/usermount.h"
#include "tools/machine/userns.h"
#include "tools/options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STATUS_SIGNAL = 128,  /* and its number, as sh(1) has it */
	STATUS_NOT_RUN = 126, /* as there */
	STATUS_NOT_FOUND = 127,
	INIT_GRACE_MS = 8000, /* who stops a container waits for ten seconds */
};

/* All that there is to know of one run. */
struct run {
	const struct leased *how;
	struct unlock unlock;
	struct unlocked at;
	struct home home;
	struct userns space;
	bool is_private; /* is wanted */
	enum backend_kind backend;
	bool asks_once; /* the passphrase cannot be had again */
	char *options;	/* for tazpodfs in a namespace of our own, or NULL */
	uint32_t grace_ms;
	const sigset_t *mask; /* NULL: as it is */
};

static int let_mount(void *ctx)
{
	const struct run *r = ctx;

	return r->space.is_entered ? userns_let_mount(&r->space) : 0;
}

/* Have it unlocked until the last lease ends. */
static enum exit_code run_tazpodfs(struct run *r)
{
	const struct child_program how = {
		.before = let_mount, .ctx = r, .mask = r->mask};

	if (r->space.is_entered && r->options == NULL) {
		if (asprintf(&r->options, "%s,private", r->unlock.options) <
		    0) {
			r->options = NULL;
			return msg_fail(EXIT_FAILED, "out of memory");
		}
		r->unlock.options = r->options;
	}
	return unlock_run(&r->unlock, &how);
}

/* Go where it can be mounted, or where nobody sees it, if that is not here. */
static enum exit_code enter(struct run *r)
{
	const char *why = NULL;

	if (r->space.is_entered)
		return EXIT_DONE;
	/* For another backend nobody is setuid. */
	if (usermount_is_needed())
		why = r->backend == BACKEND_TMPFS || r->backend == BACKEND_RAMFS
			      ? "only root may"
			      : usermount_obstacle();
	if (why == NULL && !r->is_private)
		return EXIT_DONE;
	return userns_enter(&r->space, why);
}

/*
 * Was it fusermount3 that could not mount there?  Whatever else is wrong would
 * be so in a namespace, too.
 */
static bool was_refused(const struct run *r, enum exit_code code)
{
	const char *dir =
		r->unlock.dir != NULL ? r->unlock.dir : r->unlock.usual;

	return code == EXIT_MOUNT && !r->space.is_entered && !r->asks_once &&
	       r->backend == BACKEND_AUTO && usermount_is_needed() &&
	       access(dir, W_OK | X_OK) == 0 && !place_is_mount(dir);
}

static enum exit_code unlock_here(struct run *r)
{
	enum exit_code code = enter(r);

	if (code != EXIT_DONE)
		return code;
	code = run_tazpodfs(r);
	if (!was_refused(r, code))
		return code;
	msg_say("trying again in a user namespace");
	code = userns_enter(&r->space, NULL);
	return code == EXIT_DONE ? run_tazpodfs(r) : code;
}

/* Have it unlocked, if it is not.  r->at is to be freed. */
static enum exit_code unlock(struct run *r)
{
	struct unlock *u = &r->unlock;
	enum exit_code code;

	unlock_begin(u);
	code = unlock_find(&r->at, u);
	if (code == EXIT_DONE && r->at.mount == NULL && !r->space.is_entered &&
	    join_vault(&r->space, u->vault)) {
		unlock_forget(&r->at);
		code = unlock_find(&r->at, u);
	}
	if (code == EXIT_DONE && r->at.mount == NULL) {
		unlock_forget(&r->at);
		code = unlock_here(r);
		if (code == EXIT_DONE)
			code = unlock_find(&r->at, u);
		if (code == EXIT_DONE && r->at.mount != NULL)
			home_start(&r->home, &r->at, &r->how->user);
	} else if (code == EXIT_DONE && r->is_private && !r->space.is_entered) {
		code = msg_fail(EXIT_IN_USE,
				"%s: unlocked already at %s, where it is not "
				"private; 'tazpod lock' it first, or leave out "
				"--private",
				u->vault, r->at.mount->dir);
	}
	unlock_end(u);
	return code;
}

/* The terminal that notices are for, or -1. */
static int open_terminal(void)
{
	int fd = -1;

	for (int i = STDIN_FILENO; i <= STDERR_FILENO && fd < 0; i++) {
		const char *name = ttyname(i);

		if (name != NULL)
			fd = open(name,
				  O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	}
	return fd;
}

/* Take a lease for c.  As control_lease(). */
static int lease(const struct mounted *m, const struct child *c)
{
	int terminal = open_terminal(), err;

	err = control_lease(m->owner, m->dev, c->pidfd, terminal);
	if (terminal >= 0)
		(void)close(terminal);
	return err;
}

/* In the child. */
static int become(void *ctx)
{
	const struct run *r = ctx;
	int err = r->space.is_entered ? userns_give_up(&r->space) : 0;

	return err == 0 && r->how->user.become != NULL
		       ? r->how->user.become(r->how->user.ctx)
		       : err;
}

/*
 * Unlock and start the command, held, with a lease.  *err is why there is none,
 * 0 if there is.
 */
static enum exit_code start(struct child *ret, int *err, struct run *r)
{
	const struct child_program p = {.file = r->how->argv[0],
					.argv = r->how->argv,
					.before = become,
					.ctx = r,
					.mask = r->mask};
	enum exit_code code = unlock(r);

	*err = -ECONNREFUSED;
	if (code != EXIT_DONE || r->at.mount == NULL)
		return code;
	if (setenv("TAZPOD_MOUNT", r->at.mount->dir, 1) != 0)
		return msg_fail(EXIT_FAILED, "out of memory");
	*err = child_start(ret, &p);
	if (*err != 0)
		return msg_fail(EXIT_FAILED, "%s: %s", p.file, strerror(-*err));
	*err = lease(r->at.mount, ret);
	if (*err != 0)
		child_drop(ret);
	return EXIT_DONE;
}

/* The same, but if it was locking just then, wait for that and try again. */
static enum exit_code start_anyhow(struct child *ret, struct run *r)
{
	enum exit_code code;
	int err;

	code = start(ret, &err, r);
	if (code == EXIT_DONE &&
	    (err == -ESHUTDOWN || err == -ECONNREFUSED || err == -ECONNRESET) &&
	    relock_await_end(&r->at)) {
		unlock_forget(&r->at);
		code = start(ret, &err, r);
	}
	if (code == EXIT_DONE && err != 0)
		code = msg_fail(EXIT_FAILED,
				"%s: cannot be kept unlocked: %s; see 'tazpod "
				"status'",
				r->unlock.vault,
				err == -ESHUTDOWN ? "it is being locked"
						  : msg_error(err));
	return code;
}

/* It was asked to end, has not, and is killed. */
static void on_grace_over(void *ctx)
{
	const struct run *r = ctx;

	msg_say("%s has not ended %u s after SIGTERM; it is killed, and the "
		"vault locked",
		r->how->argv[0], r->grace_ms / 1000);
	relock_now(&r->at);
}

/* Let it run, and wait for its end: its exit status, as sh(1) has it. */
static int finish(struct child *c, struct run *r)
{
	const struct child_grace grace = {r->grace_ms, on_grace_over, r};
	const char *name = r->how->argv[0];
	int err = child_go(c), status;

	status = child_wait(c, &grace);
	if (err == -ENOENT || err == -ENOTDIR) {
		msg_say("%s: not found", name);
		return STATUS_NOT_FOUND;
	}
	if (err != 0) {
		msg_say("%s: cannot be run: %s", name, strerror(-err));
		return STATUS_NOT_RUN;
	}
	return WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static enum exit_code run(struct run *r)
{
	struct child child;
	enum exit_code code = start_anyhow(&child, r), locked;
	bool is_locked;

	if (code == EXIT_DONE) {
		if (r->space.is_entered)
			(void)userns_give_up(&r->space);
		code = (enum exit_code)finish(&child, r);
		locked = relock(&r->at, r->how->locks, &is_locked);
		if (is_locked)
			home_mend(&r->home, r->at.mount->dir);
		code = code == EXIT_DONE ? locked : code;
	}
	unlock_forget(&r->at);
	return code;
}

/* A shell in a new project makes its vault: nobody else could. */
static bool is_to_be_made(const struct run *r)
{
	char *slash, dir[PATH_MAX];

	if (!r->how->creates || !r->home.is_project ||
	    access(r->unlock.vault, F_OK) == 0 || errno != ENOENT)
		return false;
	(void)snprintf(dir, sizeof(dir), "%s", r->unlock.vault);
	slash = strrchr(dir, '/');
	*slash = '\0';
	(void)mkdir(dir, 0700);
	msg_say("%s: there is no vault yet; making one", r->unlock.vault);
	return true;
}

/* The whole list for tazpodfs, malloc'd, or NULL. */
static char *list_options(const struct command_line *c, const struct run *r)
{
	const char *more = r->how->options;
	char *given = command_options(c), *options = NULL;

	if (given == NULL ||
	    asprintf(&options, "lease,%s%s%s%s", more != NULL ? more : "",
		     more != NULL ? "," : "", is_to_be_made(r) ? "create," : "",
		     given) < 0)
		options = NULL;
	free(given);
	return options;
}

/* Learn what the options say that matters here, too. */
static enum exit_code look_at_options(struct run *r)
{
	struct options o;
	enum exit_code code;

	options_init(&o);
	code = options_parse(&o, r->unlock.options);
	r->backend = o.backend;
	r->asks_once = o.pass.fd >= 0;
	options_free(&o);
	return code;
}

/* How long it may take to end, in r->grace_ms. */
static enum exit_code choose_grace(struct run *r, const char *given)
{
	r->grace_ms = r->how->grace_ms;
	if (init_is_us() && r->grace_ms == 0)
		r->grace_ms = INIT_GRACE_MS;
	if (given == NULL || options_duration(&r->grace_ms, given) == 0)
		return EXIT_DONE;
	return msg_fail(EXIT_USAGE,
			"--grace %s: not a time; give one such as 8s", given);
}

enum exit_code leased_run(const struct command_line *c,
			  const struct leased *how)
{
	char buf[PATH_MAX], *options = NULL;
	struct run r = {.how = how,
			.unlock = {.dir = c->mount, .turn = -1},
			.at = {.pidfd = -1}};
	enum exit_code code = target_vault(&r.unlock.vault, c->vault, buf);
	sigset_t before;

	if (init_is_us()) {
		child_hold_signals(&before);
		r.mask = &before;
	}
	if (code == EXIT_DONE)
		code = home_read(&r.home, c->vault);
	r.is_private = c->is_private || r.home.config.is_private;
	r.unlock.wanted = r.home.mount;
	if (code == EXIT_DONE)
		code = choose_grace(&r, c->grace);
	if (code == EXIT_DONE) {
		r.unlock.options = options = list_options(c, &r);
		code = options != NULL ? look_at_options(&r)
				       : msg_fail(EXIT_FAILED, "out of memory");
	}
	if (code == EXIT_DONE)
		code = run(&r);
	home_free(&r.home);
	free(r.options);
	free(options);
	if (init_is_us())
		init_end();
	return code;
}
