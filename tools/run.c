/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

/* Who calls may block signals; what is run shall not. */
int run_start(pid_t *pid, const char *file, const char *const argv[])
{
	posix_spawnattr_t attr;
	sigset_t none;
	int err = posix_spawnattr_init(&attr);

	if (err != 0)
		return -err;
	(void)sigemptyset(&none);
	err = posix_spawnattr_setsigmask(&attr, &none);
	if (err == 0)
		err = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	if (err == 0)
		err = posix_spawnp(pid, file, NULL, &attr,
				   (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	return -err;
}

int run_wait(int *status, const char *file, const char *const argv[])
{
	pid_t pid = -1, got;
	int err = run_start(&pid, file, argv);

	if (err != 0)
		return err;
	do
		got = waitpid(pid, status, 0);
	while (got < 0 && errno == EINTR);
	return got == pid ? 0 : -errno;
}
