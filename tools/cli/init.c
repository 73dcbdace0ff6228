/* SPDX-License-Identifier: MIT */
#include "init.h"

#include "tools/msg.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	STEP_MS = 10,
	SAY_STEPS = 200,   /* before it is said what is waited for */
	BLIND_STEPS = 800, /* for whatever it is, when it cannot be seen */
};

bool init_is_us(void)
{
	return getpid() == 1;
}

/* Does /proc show these processes, and not those of who has mounted it? */
static bool can_see(void)
{
	char text[16];
	const ssize_t n = readlink("/proc/self", text, sizeof(text));

	return n == 1 && text[0] == '1';
}

static bool is_daemon(const char *pid)
{
	char path[NAME_MAX + 16], name[32] = "";
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (f != NULL && fgets(name, sizeof(name), f) != NULL)
		found = strcmp(name, "tazpodfs\n") == 0;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* Is there a daemon left that may have something to save? */
static bool has_daemon(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	bool found = false;

	while (proc != NULL && !found && (e = readdir(proc)) != NULL)
		found = e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
			is_daemon(e->d_name);
	if (proc != NULL)
		(void)closedir(proc);
	return found;
}

/* False: there are no children left. */
static bool reap(void)
{
	pid_t got;

	do
		got = waitpid(-1, NULL, WNOHANG);
	while (got > 0);
	return got == 0;
}

void init_end(void)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
	const bool sees = can_see();
	int steps = 0;

	(void)kill(-1, SIGTERM);
	/* Who has stopped does not hear that. */
	(void)kill(-1, SIGCONT);
	while (reap() && (sees ? has_daemon() : steps < BLIND_STEPS)) {
		if (++steps == SAY_STEPS)
			msg_say("waiting until all vaults are saved");
		(void)nanosleep(&step, NULL);
	}
}

void init_wait(void)
{
	sigset_t all;
	int number;

	(void)sigfillset(&all);
	do {
		(void)sigwait(&all, &number);
		(void)reap();
	} while (number != SIGTERM && number != SIGINT && number != SIGHUP &&
		 number != SIGPWR && number != SIGQUIT && number < SIGRTMIN);
	init_end();
}
