/* SPDX-License-Identifier: MIT */
#include "passcmd.h"

#include "crypto/hold.h"
#include "crypto/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A command that runs. */
struct running {
	pid_t pid;
	int output; /* what it prints can be read here; -1: no more */
	struct hold hold;
};

/* Start sh with output as its standard output.  0 or -errno. */
static int spawn(struct running *r, const char *command, int output)
{
	const char *argv[] = {"sh", "-c", command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t pipe_only;
	int err;

	/* Daemons ignore it, and a command may rely on it. */
	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	if (posix_spawnattr_init(&attr) != 0)
		return -ENOMEM;
	if (posix_spawn_file_actions_init(&actions) != 0) {
		(void)posix_spawnattr_destroy(&attr);
		return -ENOMEM;
	}
	/* What this process may do in a namespace of its own is its affair. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attr, &r->hold.before);
	(void)posix_spawnattr_setsigdefault(&attr, &pipe_only);
	err = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (err == 0)
		err = posix_spawn_file_actions_addclosefrom_np(
			&actions, STDERR_FILENO + 1);
	if (err == 0)
		err = posix_spawn(&r->pid, "/bin/sh", &actions, &attr,
				  (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return -err;
}

static int start(struct running *r, const char *command)
{
	int ends[2], err;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	err = hold_start(&r->hold, false);
	if (err == 0) {
		err = spawn(r, command, ends[1]);
		if (err != 0)
			hold_end(&r->hold);
	}
	(void)close(ends[1]);
	if (err != 0)
		(void)close(ends[0]);
	r->output = ends[0];
	return err;
}

/* Wait for its end.  -EINTR if a signal came first, which is then to act. */
static int await_end(const struct running *r, int *status)
{
	struct pollfd p[] = {
		{.fd = (int)syscall(SYS_pidfd_open, r->pid, 0),
		 .events = POLLIN},
		{.fd = r->hold.fd, .events = POLLIN},
	};

	while (p[0].fd >= 0 && poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[0].fd >= 0)
		(void)close(p[0].fd);
	if (p[1].revents != 0 && p[0].revents == 0)
		return -EINTR;
	while (waitpid(r->pid, status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/*
 * Read what it prints, and reap it.  0, or why it was not read to its end;
 * then the command is ended.
 */
static int read_and_reap(struct running *r, struct secret *s, int *status)
{
	int err = passphrase_read_until(s, r->output, r->hold.fd), ended;

	(void)close(r->output);
	if (err != 0 && err != -ENODATA && err != -EINTR)
		(void)kill(r->pid, SIGTERM);
	ended = err == -EINTR ? err : await_end(r, status);
	if (ended == -EINTR) {
		secret_free(s);
		(void)kill(r->pid, SIGTERM);
		(void)hold_act(hold_take(&r->hold));
		err = ended;
	}
	hold_end(&r->hold);
	return err;
}

/* What is wrong with a command that ended with status. */
static enum exit_code judge(const char *command, int status)
{
	if (WIFSIGNALED(status))
		return msg_fail(EXIT_FAILED,
				"passphrase command '%s' was ended by a "
				"signal: %s",
				command, strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) != 0)
		return msg_fail(EXIT_FAILED,
				"passphrase command '%s' failed with status %d",
				command, WEXITSTATUS(status));
	return EXIT_DONE;
}

enum exit_code passcmd_get(struct secret *ret, const char *command)
{
	struct running r = {.pid = -1, .output = -1};
	struct secret s = {0};
	int status = 0, err = start(&r, command);
	enum exit_code code;

	if (err == 0)
		err = read_and_reap(&r, &s, &status);
	if (err == -EMSGSIZE)
		return msg_fail(EXIT_FAILED,
				"passphrase command '%s' printed more than %d "
				"bytes",
				command, PASSPHRASE_MAX);
	if (err == -ENOMEM)
		return msg_fail_memory(command);
	if (err != 0 && err != -ENODATA)
		return msg_fail(EXIT_FAILED, "passphrase command '%s': %s",
				command, msg_error(err));
	code = judge(command, status);
	if (code == EXIT_DONE && err == -ENODATA)
		code = msg_fail(EXIT_FAILED,
				"passphrase command '%s' printed nothing",
				command);
	if (code == EXIT_DONE)
		*ret = s;
	else
		secret_free(&s);
	return code;
}
