/* SPDX-License-Identifier: MIT */
#include "detach.h"

#include "tools/run.h"

#include <errno.h>
#include <sys/wait.h>

int detach_as_user(const char *dir)
{
	const char *argv[] = {"fusermount3", "-u", "-z", "-q", "--", dir, NULL};
	int status, err = run_wait(&status, argv[0], argv);

	if (err != 0)
		return err;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}
