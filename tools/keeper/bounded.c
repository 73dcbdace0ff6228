/* SPDX-License-Identifier: MIT */
#include "bounded.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLED_MS = 100 };

/* Be the child. */
static _Noreturn void run(bounded_fn *fn, void *ctx, int fd)
{
	enum { FIRST = STDERR_FILENO + 1 };

	/* Whoever waits for the end of one of them waits for the parent's. */
	if (fd > FIRST)
		fd = dup2(fd, FIRST);
	closefrom(fd >= 0 ? FIRST + 1 : FIRST);
	_exit(fn(ctx, fd));
}

/* Has the process ended within that time?  No signal interrupts this. */
static bool has_ended(int pidfd, int ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

int bounded_call(bounded_fn *fn, void *ctx, int fd)
{
	int pidfd, status, err = -ETIMEDOUT;
	pid_t pid = fork();

	if (pid == 0)
		run(fn, ctx, fd);
	if (pid < 0)
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		err = -errno;
	else if (has_ended(pidfd, BOUNDED_MS))
		err = 0;
	if (err != 0)
		(void)kill(pid, SIGKILL);
	if (err == -ETIMEDOUT)
		(void)has_ended(pidfd, KILLED_MS);
	if (pidfd >= 0)
		(void)close(pidfd);
	if (waitpid(pid, &status, WNOHANG) != pid || err != 0)
		return err != 0 ? err : -ECHILD;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}
