/* SPDX-License-Identifier: MIT */
#include "detach.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

int detach_as_user(const char *dir)
{
	const char *argv[] = {"fusermount3", "-u", "-z", "-q", "--", dir, NULL};
	sigset_t none;
	pid_t child = fork();
	int status;

	if (child == 0) {
		/* Who calls may block them all. */
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}
