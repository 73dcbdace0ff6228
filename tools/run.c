/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

int run_wait(int *status, const char *file, const char *const argv[])
{
	pid_t pid, got;
	int err = posix_spawnp(&pid, file, NULL, NULL,
			       (char *const *)(uintptr_t)argv, environ);

	if (err != 0)
		return -err;
	do
		got = waitpid(pid, status, 0);
	while (got < 0 && errno == EINTR);
	return got == pid ? 0 : -errno;
}
