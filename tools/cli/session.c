/* SPDX-License-Identifier: MIT */
#include "session.h"

#include "child.h"
#include "tools/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STATUS_SIGNAL = 128,
	ENDED = 'e',
	PIPE = STDERR_FILENO + 1, /* all else that who watches has open */
};

/* In the pod: that tazpod passes it on to what it runs, and locks then. */
static const char hang_up[] =
	"for p in /proc/[0-9]*; do\n"
	"	[ \"$(cat \"$p/comm\" 2>/dev/null)\" = tazpod ] || continue\n"
	"	tr '\\0' '\\n' 2>/dev/null <\"$p/environ\" |\n"
	"		grep -qx \"$1\" && kill -HUP \"${p#/proc/}\"\n"
	"done\n";

/* Be who watches, until the other end of that pipe is closed. */
static _Noreturn void watch(const struct pod *p, const char *mark, int pipe)
{
	struct args a = {0};
	char byte, **list;
	sigset_t all;
	ssize_t n;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), status;

	(void)prctl(PR_SET_NAME, "tazpod-session");
	/* Whoever ends the session does not mean this. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	/* Nobody is to wait for the end of a pipe because of this. */
	if (pipe != PIPE)
		(void)dup3(pipe, PIPE, O_CLOEXEC);
	closefrom(PIPE + 1);
	do
		n = read(PIPE, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		a = pod_exec(p, p->user);
		args_add(&a, "sh");
		args_add(&a, "-c");
		args_add(&a, hang_up);
		args_add(&a, "sh");
		args_add(&a, mark);
	}
	list = args_list(&a);
	if (n == 0 && list != NULL)
		(void)run_wait(&status, list[0], (const char *const *)list);
	_exit(EXIT_SUCCESS);
}

/* Start it.  The descriptor that it waits for, or -1. */
static int start_watch(const struct pod *p, const char *mark)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		(void)close(ends[1]);
		watch(p, mark, ends[0]);
	}
	(void)close(ends[0]);
	if (child < 0) {
		(void)close(ends[1]);
		ends[1] = -1;
	}
	return ends[1];
}

/* The engine's exit status is the command's, or why it was not run. */
static enum exit_code run(char *const list[], int watcher)
{
	const struct child_program program = {
		.file = list[0], .argv = (const char *const *)list};
	struct child c;
	int status = 0, err = child_start(&c, &program);

	if (err == 0) {
		err = child_go(&c);
		status = child_wait(&c, NULL);
	}
	if (err != 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be run: %s", list[0],
				msg_error(err));
	if (WIFSIGNALED(status))
		return (enum exit_code)(STATUS_SIGNAL + WTERMSIG(status));
	(void)!write(watcher, &(char){ENDED}, 1);
	return (enum exit_code)WEXITSTATUS(status);
}

enum exit_code session_run(const struct pod *p, struct args *arguments)
{
	enum exit_code code = EXIT_FAILED;
	char mark[48];
	uint64_t id = 0;
	struct args a;
	char **list;
	int watcher;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return msg_fail(EXIT_FAILED, "no random numbers: %s",
				strerror(errno));
	(void)snprintf(mark, sizeof(mark), "TAZPOD_SESSION=%016" PRIx64, id);
	a = pod_exec_here(p, mark);
	args_add(&a, "tazpod");
	args_join(&a, arguments);
	list = args_list(&a);
	(void)fflush(NULL);
	watcher = start_watch(p, mark);
	if (list == NULL)
		code = msg_fail(EXIT_FAILED, "out of memory");
	else if (watcher < 0)
		code = msg_fail(EXIT_FAILED, "cannot start a process: %s",
				strerror(errno));
	else
		code = run(list, watcher);
	if (watcher >= 0)
		(void)close(watcher);
	args_free(&a);
	args_free(arguments);
	return code;
}
