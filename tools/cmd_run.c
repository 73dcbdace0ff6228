/* SPDX-License-Identifier: MIT */
/*
 * Commands that hold a lease while a program runs.  The lease is that
 * program's, not this one's, so it lasts as long as the program does, whatever
 * happens to this.
 */
#include "commands.h"

#include "child.h"
#include "control.h"
#include "target.h"
#include "tell.h"
#include "unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STATUS_SIGNAL = 128,  /* and its number, as sh(1) has it */
	STATUS_NOT_RUN = 126, /* as there */
	STATUS_NOT_FOUND = 127,
	SAY_SECONDS = 2,   /* before it is said what is waited for */
	LOCK_SECONDS = 8,  /* after that */
	END_MS = 10000,	   /* how long a daemon may take to end ... */
	UNKNOWN_MS = 1000, /* ... one that has not told its pid */
};

/* Die of the same signal, so that a script that is interrupted ends. */
static enum exit_code die_of(int number)
{
	(void)signal(number, SIG_DFL);
	(void)raise(number);
	return (enum exit_code)(STATUS_SIGNAL + number);
}

/* Have it unlocked until the last lease ends. */
static enum exit_code run_tazpodfs(struct unlock *u)
{
	struct unlock_program p;
	struct child c;
	enum exit_code code = unlock_prepare(&p, u);
	int err, status;

	if (code != EXIT_DONE)
		return code;
	err = child_start(&c, p.path, p.argv);
	if (err == 0) {
		err = child_go(&c);
		status = child_wait(&c);
	}
	if (err != 0)
		return msg_fail(EXIT_FAILED, "%s: %s", p.path, strerror(-err));
	if (WIFSIGNALED(status))
		return die_of(WTERMSIG(status));
	return (enum exit_code)WEXITSTATUS(status);
}

/* Have it unlocked, if it is not.  The caller frees *ret. */
static enum exit_code unlock(struct unlocked *ret, struct unlock *u)
{
	enum exit_code code;

	unlock_begin(u);
	code = unlock_find(ret, u);
	if (code == EXIT_DONE && ret->mount == NULL) {
		unlock_forget(ret);
		code = run_tazpodfs(u);
		if (code == EXIT_DONE)
			code = unlock_find(ret, u);
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

/*
 * Unlock u and start argv, held, with a lease of it.  *err is why there is
 * none, 0 if there is.
 */
static enum exit_code start(struct child *ret, int *err, struct unlocked *at,
			    struct unlock *u, const char *const argv[])
{
	enum exit_code code = unlock(at, u);

	*err = -ECONNREFUSED;
	if (code != EXIT_DONE || at->mount == NULL)
		return code;
	if (setenv("TAZPOD_MOUNT", at->mount->dir, 1) != 0)
		return msg_fail(EXIT_FAILED, "out of memory");
	*err = child_start(ret, argv[0], argv);
	if (*err != 0)
		return msg_fail(EXIT_FAILED, "%s: %s", argv[0],
				strerror(-*err));
	*err = lease(at->mount, ret);
	if (*err != 0)
		child_drop(ret);
	return EXIT_DONE;
}

/* Has the daemon ended?  It is waited for. */
static bool await_end(const struct unlocked *at)
{
	struct pollfd p = {.fd = at->pidfd, .events = POLLIN};

	return poll(&p, 1, at->pidfd >= 0 ? END_MS : UNKNOWN_MS) > 0 ||
	       at->pidfd < 0;
}

/* The same, but if it was locking just then, wait for that and try again. */
static enum exit_code start_anyhow(struct child *ret, struct unlocked *at,
				   struct unlock *u, const char *const argv[])
{
	enum exit_code code;
	int err;

	code = start(ret, &err, at, u, argv);
	if (code == EXIT_DONE &&
	    (err == -ESHUTDOWN || err == -ECONNREFUSED || err == -ECONNRESET) &&
	    await_end(at)) {
		unlock_forget(at);
		code = start(ret, &err, at, u, argv);
	}
	if (code == EXIT_DONE && err != 0)
		code = msg_fail(EXIT_FAILED,
				"%s: cannot be kept unlocked: %s; see 'tazpod "
				"status'",
				u->vault,
				err == -ESHUTDOWN ? "it is being locked"
						  : msg_error(err));
	return code;
}

/* Let it run, and wait for its end: its exit status, as sh(1) has it. */
static int finish(struct child *c, const char *name)
{
	int err = child_go(c), status;

	status = child_wait(c);
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

/*
 * Are there leases left?  1, 0 or -errno: -ECONNREFUSED if it has been locked
 * already.  That ours has ended is seen by the daemon before it sees who asks a
 * second time.
 */
static int has_leases(const struct unlocked *at)
{
	struct control_answer answer = {0};
	int left = 1;

	for (int n = 0; n < 2 && left > 0; n++) {
		left = control_ask(&answer, at->mount->owner, at->mount->dev,
				   "status");
		if (left != 0)
			return left;
		left = control_number(answer.body, "leases") > 0;
		if ((pid_t)control_number(answer.body, "pid") != at->daemon)
			left = -ECONNREFUSED;
		free(answer.body);
	}
	return left;
}

/* Have it locked, or wait until that is done, saying so if it takes long. */
static int lock(const struct unlocked *at)
{
	const struct mounted *m = at->mount;
	struct control_answer answer = {0};
	struct control_call call;
	int err = control_call_daemon(&call, m->owner, m->dev, at->daemon,
				      "lock");

	if (err != 0)
		return err;
	err = control_wait(&answer, &call, SAY_SECONDS);
	if (err == -ETIMEDOUT) {
		msg_say("%s: waiting until %s is saved and locked", m->dir,
			m->vault);
		err = control_wait(&answer, &call, LOCK_SECONDS);
	}
	control_hang_up(&call);
	free(answer.body);
	return err != 0 ? err : answer.err;
}

/* If that was the last lease, the daemon locks by now: wait for that. */
static enum exit_code await_lock(const struct unlocked *at)
{
	int err = has_leases(at);

	if (err > 0)
		return EXIT_DONE;
	if (err == 0)
		err = lock(at);
	/* It was quicker than to hear us. */
	if ((err == -ECONNREFUSED || err == -ECONNRESET) && await_end(at))
		return EXIT_DONE;
	if (err == -ECANCELED)
		(void)await_end(at);
	if (err == -ETIMEDOUT)
		return msg_fail(EXIT_FAILED,
				"%s: not locked yet; 'tazpod lock %s' waits "
				"for it",
				at->mount->vault, at->mount->dir);
	return tell_failure(err, at->mount, "lock");
}

/* Run argv with what u says unlocked. */
static enum exit_code run(struct unlock *u, const char *const argv[])
{
	struct unlocked at = {.pidfd = -1};
	struct child child;
	enum exit_code code = start_anyhow(&child, &at, u, argv), locked;

	if (code == EXIT_DONE) {
		code = (enum exit_code)finish(&child, argv[0]);
		locked = at.lease_only ? await_lock(&at) : EXIT_DONE;
		code = code == EXIT_DONE ? locked : code;
	}
	unlock_forget(&at);
	return code;
}

static enum exit_code run_for(const struct command_line *c,
			      const char *const argv[])
{
	char buf[PATH_MAX], *given, *options = NULL;
	struct unlock u = {.dir = c->mount, .turn = -1};
	enum exit_code code = target_vault(&u.vault, c->vault, buf);

	if (code != EXIT_DONE)
		return code;
	given = command_options(c);
	if (given == NULL || asprintf(&options, "lease,%s", given) < 0)
		options = NULL;
	free(given);
	if (options == NULL)
		return msg_fail(EXIT_FAILED, "out of memory");
	u.options = options;
	code = run(&u, argv);
	free(options);
	return code;
}

enum exit_code cmd_run(const struct command_line *c)
{
	if (c->argc == 0)
		return msg_fail(EXIT_USAGE,
				"run: no command; see 'tazpod run --help'");
	return run_for(c, (const char *const *)c->argv);
}

enum exit_code cmd_shell(const struct command_line *c)
{
	const char *shell = getenv("SHELL");
	const struct passwd *user = getpwuid(getuid());
	const char *argv[] = {shell, NULL};

	if (shell == NULL || shell[0] != '/')
		argv[0] = user != NULL && user->pw_shell[0] == '/'
				  ? user->pw_shell
				  : "/bin/sh";
	return run_for(c, argv);
}
