/* SPDX-License-Identifier: MIT */
/*
 *	logind_watch [suspend] [session]
 *
 * Print, a line each, what tools/keeper/logind.h tells, "holds" and "lets" when
 *sleep begins to be held up and no longer is, and "quiet" when there is nothing
 *more to come.  Standard input has commands, until its end: "release", and
 *"turns", which prints how often poll(2) has returned for something else.
 *
 *	logind_watch belongs
 *
 * Print whether this process is in a session.
 */
#include "tools/keeper/logind.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct watch {
	struct logind *l;
	unsigned turns;
	bool holds, is_quiet;
};

static void told(void *ctx, enum logind_event event)
{
	(void)ctx;
	puts(event == LOGIND_WILL_SLEEP ? "sleep" : "locked");
}

/* False: the end. */
static bool obey(struct watch *w)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n <= 0)
		return false;
	line[n] = '\0';
	if (strcmp(line, "release\n") == 0)
		logind_release_sleep(w->l);
	else if (strcmp(line, "turns\n") == 0)
		printf("turns %u\n", w->turns);
	return true;
}

static void show(struct watch *w)
{
	if (logind_holds_sleep(w->l) != w->holds) {
		w->holds = !w->holds;
		puts(w->holds ? "holds" : "lets");
	}
	if (logind_fd(w->l) < 0 && logind_timeout_ms(w->l) < 0 &&
	    !w->is_quiet) {
		w->is_quiet = true;
		puts("quiet");
	}
}

static void serve(struct watch *w)
{
	struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}};

	do {
		w->turns += p[0].revents == 0;
		logind_process(w->l);
		show(w);
		p[1].fd = logind_fd(w->l);
		p[1].events = (short)logind_events(w->l);
		if (poll(p, 2, logind_timeout_ms(w->l)) < 0)
			return;
	} while (p[0].revents == 0 || obey(w));
}

int main(int argc, char *argv[])
{
	struct watch w = {0};
	unsigned wanted = 0;
	int err;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "suspend") == 0)
			wanted |= LOGIND_SUSPEND;
		else if (strcmp(argv[i], "session") == 0)
			wanted |= LOGIND_SESSION;
		else
			return puts(logind_belongs() ? "yes" : "no") < 0;
	err = logind_new(&w.l, wanted, told, NULL);
	if (err != 0) {
		printf("absent: %s\n", strerror(-err));
		return 1;
	}
	puts("watching");
	serve(&w);
	logind_free(w.l);
	return 0;
}
