/* SPDX-License-Identifier: MIT */
#include "child.h"

#include "fs/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEATH_MS = 500 }; /* what is killed may take, before others go on */

/* What this process does not act on by itself. */
static void held(sigset_t *set)
{
	/* Faults of its own; and what its own use of a terminal or of a pipe
	 * that nobody reads brings. */
	static const int others[] = {
		SIGSEGV, SIGBUS, SIGFPE,  SIGILL,  SIGABRT,
		SIGTRAP, SIGSYS, SIGPIPE, SIGTTIN, SIGTTOU,
	};

	(void)sigfillset(set);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		(void)sigdelset(set, others[i]);
}

void child_hold_signals(sigset_t *before)
{
	sigset_t set;

	held(&set);
	(void)sigprocmask(SIG_BLOCK, &set, before);
}

/*
 * In the child, which has a copy of the heap that is not to be touched: nothing
 * here allocates, unless p->before may.
 */
static _Noreturn void run(const struct child *c, int gate,
			  const struct child_program *p)
{
	char go;
	int err;

	(void)sigprocmask(SIG_SETMASK, p->mask != NULL ? p->mask : &c->before,
			  NULL);
	(void)close(c->gate);
	/* At the end, who has started this has gone, or given up. */
	if (read(gate, &go, 1) != 1)
		_exit(EXIT_FAILURE);
	err = p->before != NULL ? -p->before(p->ctx) : 0;
	if (err == 0) {
		(void)execvp(p->file, (char *const *)(uintptr_t)p->argv);
		err = errno;
	}
	(void)!write(gate, &err, sizeof(err));
	_exit(EXIT_FAILURE);
}

int child_start(struct child *ret, const struct child_program *p)
{
	struct child c = {.pidfd = -1};
	int ends[2], err = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	c.gate = ends[0];
	/* Ignored, nobody would be told of its end. */
	(void)signal(SIGCHLD, SIG_DFL);
	child_hold_signals(&c.before);
	c.pid = fork();
	if (c.pid == 0)
		run(&c, ends[1], p);
	err = c.pid < 0 ? -errno : 0;
	(void)close(ends[1]);
	if (err == 0) {
		c.pidfd = (int)syscall(SYS_pidfd_open, c.pid, 0);
		err = c.pidfd < 0 ? -errno : 0;
	}
	if (err != 0)
		child_drop(&c);
	else
		*ret = c;
	return err;
}

static void close_gate(struct child *c)
{
	if (c->gate >= 0)
		(void)close(c->gate);
	c->gate = -1;
}

int child_go(struct child *c)
{
	ssize_t n;
	int err = 0;

	/* If a signal has ended it, that is its status. */
	(void)!send(c->gate, "", 1, MSG_NOSIGNAL);
	do
		n = read(c->gate, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	close_gate(c);
	return n == (ssize_t)sizeof(err) ? -err : 0;
}

/* Stop, as the terminal has stopped it; who continues this, continues both. */
static void stop(void)
{
	sigset_t set;

	(void)raise(SIGTSTP);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTSTP);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Has it ended?  If it has stopped, so does this. */
static bool has_ended(const struct child *c, int *status)
{
	/* Whom others leave behind, nobody else can reap. */
	const bool is_init = getpid() == 1;
	bool ended = false;
	pid_t got;
	int now;

	while ((got = waitpid(is_init ? -1 : c->pid, &now,
			      WNOHANG | WUNTRACED)) > 0) {
		if (got != c->pid)
			continue;
		ended = !WIFSTOPPED(now);
		if (ended)
			*status = now;
		else if (!is_init)
			stop();
	}
	return ended || (got < 0 && errno == ECHILD);
}

/* What the terminal sends goes to all of a process group. */
static void pass_on(const struct child *c, const siginfo_t *info)
{
	const bool is_key =
		info->si_signo == SIGINT || info->si_signo == SIGQUIT ||
		info->si_signo == SIGTSTP || info->si_signo == SIGWINCH;

	if (!is_key || info->si_code != SI_KERNEL ||
	    getpgid(c->pid) != getpgrp())
		(void)kill(c->pid, info->si_signo);
}

static void release(struct child *c)
{
	close_gate(c);
	if (c->pidfd >= 0)
		(void)close(c->pidfd);
	c->pidfd = -1;
	(void)sigprocmask(SIG_SETMASK, &c->before, NULL);
}

/* The next signal, until that time, or with -1 for ever.  0: there is none. */
static int next_signal(siginfo_t *info, int64_t until)
{
	struct timespec left = {0};
	int64_t ms;
	sigset_t set;
	int number;

	held(&set);
	if (until < 0) {
		number = sigwaitinfo(&set, info);
	} else {
		ms = until > clock_ms(CLOCK_MONOTONIC)
			     ? until - clock_ms(CLOCK_MONOTONIC)
			     : 0;
		left.tv_sec = ms / 1000;
		left.tv_nsec = ms % 1000 * 1000000;
		number = sigtimedwait(&set, info, &left);
	}
	return number > 0 ? number : 0;
}

/*
 * Before the vault is away, when what it writes would go to what is below the
 * mount.  One that hangs in the kernel keeps no vault from being saved.
 */
static void kill_it(const struct child *c)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

	(void)kill(c->pid, SIGKILL);
	(void)poll(&p, 1, DEATH_MS);
}

int child_wait(struct child *c, const struct child_grace *grace)
{
	int64_t until = -1;
	siginfo_t info;
	int status = 0, number;

	while (!has_ended(c, &status)) {
		number = next_signal(&info, until);
		if (number != 0 && number != SIGCHLD)
			pass_on(c, &info);
		if (number == SIGTERM && until < 0 && grace != NULL &&
		    grace->ms > 0)
			until = clock_ms(CLOCK_MONOTONIC) + grace->ms;
		if (until < 0 || clock_ms(CLOCK_MONOTONIC) < until)
			continue;
		kill_it(c);
		grace->over(grace->ctx);
		/* It may take a moment more to die. */
		until = INT64_MAX / 2;
	}
	release(c);
	return status;
}

void child_drop(struct child *c)
{
	close_gate(c);
	while (c->pid > 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	release(c);
}
