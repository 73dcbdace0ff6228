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
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int pidfd;
	int gate;	 /* where it waits; -1: it has passed */
	sigset_t before; /* which signals were blocked */
};

/* What is to run. */
struct child_program {
	const char *file; /* looked for in PATH if there is no slash in it */
	const char *const *argv; /* ends with NULL */
	/* Called in the child, just before; 0 or -errno.  NULL: nothing. */
	int (*before)(void *ctx);
	void *ctx;
	const sigset_t *mask; /* signals blocked in it; NULL: as here */
};

/* What becomes of one that has been asked to end, and does not. */
struct child_grace {
	uint32_t ms; /* from a SIGTERM on; 0: it may take for ever */
	void (*over)(void *ctx); /* called when it was killed */
	void *ctx;
};

/*
 * Hold signals back from now on: all that a process can be sent but what tells
 * of its own faults.  *before is what was blocked until then.  Process 1 has to
 * do this first of all: those that it does not handle are not delivered to it,
 * and lost.
 */
void child_hold_signals(sigset_t *before);

/*
 * Make a process that is to run p, but waits for child_go().  Signals are held
 * back from now on.  The caller ends *ret with child_wait() or child_drop().
 * 0 or -errno.
 */
int child_start(struct child *ret, const struct child_program *p);

/* Let it run.  0, or the -errno of exec(2) or p->before, and it ends. */
int child_go(struct child *c);

/*
 * Wait for its end, and have signals act as before.  Process 1 reaps whatever
 * else ends meanwhile.  Without a grace (NULL) it may take for ever.  Returns
 * its status as waitpid(2) does.
 */
int child_wait(struct child *c, const struct child_grace *grace);

/* End one that was not let go, or could not be run. */
void child_drop(struct child *c);

#endif
