/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Who calls may block signals; what is run shall not. */
static int start(pid_t *pid, const char *file, const char *const argv[],
		 const posix_spawn_file_actions_t *actions)
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
		err = posix_spawnp(pid, file, actions, &attr,
				   (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	return -err;
}

static int await(int *status, pid_t pid)
{
	pid_t got;

	do
		got = waitpid(pid, status, 0);
	while (got < 0 && errno == EINTR);
	return got == pid ? 0 : -errno;
}

int run_start(pid_t *pid, const char *file, const char *const argv[])
{
	return start(pid, file, argv, NULL);
}

int run_wait(int *status, const char *file, const char *const argv[])
{
	pid_t pid = -1;
	int err = start(&pid, file, argv, NULL);

	return err == 0 ? await(status, pid) : err;
}

/* Start it with its standard output to that end of a pipe. */
static int start_with(pid_t *pid, int output, const char *const argv[],
		      bool is_silent)
{
	posix_spawn_file_actions_t actions;
	int err = -posix_spawn_file_actions_init(&actions);

	if (err != 0)
		return err;
	err = -posix_spawn_file_actions_adddup2(&actions, output,
						STDOUT_FILENO);
	if (err == 0 && is_silent)
		err = -posix_spawn_file_actions_addopen(
			&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (err == 0)
		err = start(pid, argv[0], argv, &actions);
	(void)posix_spawn_file_actions_destroy(&actions);
	return err;
}

/* All that comes from fd, as a text; what is too much is dropped. */
static int read_all(char **ret, int fd)
{
	char *text = malloc(RUN_READ_MAX + 1), more[4096] = "";
	size_t len = 0;
	ssize_t n;

	if (text == NULL)
		return -ENOMEM;
	do {
		const size_t room = RUN_READ_MAX - len;

		n = read(fd, room > 0 ? text + len : more,
			 room > 0 ? room : sizeof(more));
		if (n > 0 && room > 0)
			len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	text[len] = '\0';
	*ret = text;
	return 0;
}

int run_read(int *status, char **ret, const char *const argv[], bool is_silent)
{
	char *text = NULL;
	pid_t pid = -1;
	int ends[2], err, ended;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	err = start_with(&pid, ends[1], argv, is_silent);
	(void)close(ends[1]);
	if (err == 0) {
		err = read_all(&text, ends[0]);
		ended = await(status, pid);
		err = err == 0 ? ended : err;
	}
	(void)close(ends[0]);
	if (err == 0)
		*ret = text;
	else
		free(text);
	return err;
}
