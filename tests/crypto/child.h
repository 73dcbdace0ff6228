/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_CRYPTO_CHILD_H
#define TZ_TESTS_CRYPTO_CHILD_H

/* Tests of what concerns a process as a whole, in a child of their own. */

#include "common.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GAVE_UP = 3 };

/* End the child, and say where, unless condition holds. */
#define must(condition) ((condition) ? (void)0 : give_up(#condition, __LINE__))

static inline _Noreturn void give_up(const char *condition, int line)
{
	(void)dprintf(STDERR_FILENO, "# line %d: %s\n", line, condition);
	_exit(GAVE_UP);
}

/* Run probe in a child: its wait status, 0 if it came to its end. */
static inline int in_child(void (*probe)(void))
{
	const struct rlimit none = {0, 0};
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &none);
		for (int sig = 1; sig < 32; sig++)
			(void)signal(sig, SIG_DFL);
		(void)alarm(60); /* a deadlock is a failure, too */
		probe();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#endif
