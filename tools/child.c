/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What this process does not act on by itself. */
static void held(sigset_t *set)
{
	static const int list[] = {
		SIGHUP,	 SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
		SIGUSR2, SIGTSTP, SIGCONT, SIGCHLD,
	};

	(void)sigemptyset(set);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		(void)sigaddset(set, list[i]);
}

/*
 * In the child, which has a copy of the heap that is not to be touched: nothing
 * here allocates.
 */
static _Noreturn void run(const struct child *c, int gate, const char *file,
			  const char *const argv[])
{
	char go;
	int err;

	(void)sigprocmask(SIG_SETMASK, &c->before, NULL);
	(void)close(c->gate);
	/* At the end, who has started this has gone, or given up. */
	if (read(gate, &go, 1) != 1)
		_exit(EXIT_FAILURE);
	(void)execvp(file, (char *const *)(uintptr_t)argv);
	err = errno;
	(void)!write(gate, &err, sizeof(err));
	_exit(EXIT_FAILURE);
}

int child_start(struct child *ret, const char *file, const char *const argv[])
{
	struct child c = {.pidfd = -1};
	int ends[2], err = 0;
	sigset_t set;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	c.gate = ends[0];
	/* Ignored, nobody would be told of its end. */
	(void)signal(SIGCHLD, SIG_DFL);
	held(&set);
	(void)sigprocmask(SIG_BLOCK, &set, &c.before);
	c.pid = fork();
	if (c.pid == 0)
		run(&c, ends[1], file, argv);
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
	pid_t got;

	while ((got = waitpid(c->pid, status, WNOHANG | WUNTRACED)) == c->pid &&
	       WIFSTOPPED(*status))
		stop();
	return got != 0;
}

/* What the terminal sends goes to all of a process group. */
static void pass_on(const struct child *c, const siginfo_t *info)
{
	const bool is_key = info->si_signo == SIGINT ||
			    info->si_signo == SIGQUIT ||
			    info->si_signo == SIGTSTP;

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

int child_wait(struct child *c)
{
	siginfo_t info;
	int status = 0;
	sigset_t set;

	held(&set);
	while (!has_ended(c, &status))
		if (sigwaitinfo(&set, &info) > 0 && info.si_signo != SIGCHLD)
			pass_on(c, &info);
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
