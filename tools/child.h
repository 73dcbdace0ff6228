/* SPDX-License-Identifier: MIT */
#ifndef TZ_CHILD_H
#define TZ_CHILD_H

/*
 * A program that runs in this one's place, as far as whoever started this one
 * can tell: it has the same terminal, signals that are sent to this process are
 * passed on to it, and when it stops, this stops as well.
 *
 * It is started by fork(2), so only before there is locked memory (mem.h).
 */

#include <signal.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int pidfd;
	int gate;	 /* where it waits; -1: it has passed */
	sigset_t before; /* which signals were blocked */
};

/*
 * Make a process that is to run file, looked for in PATH if there is no slash
 * in it, but waits for child_go().  argv ends with NULL.  Signals are held back
 * from now on.  The caller ends *ret with child_wait() or child_drop().  0 or
 * -errno.
 */
int child_start(struct child *ret, const char *file, const char *const argv[]);

/* Let it run.  0, or the -errno of exec(2), and it ends. */
int child_go(struct child *c);

/*
 * Wait for its end, and have signals act as before.  Returns its status as
 * waitpid(2) does.
 */
int child_wait(struct child *c);

/* End one that was not let go, or could not be run. */
void child_drop(struct child *c);

#endif
