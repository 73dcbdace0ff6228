/* SPDX-License-Identifier: MIT */
#ifndef TZ_HOLD_H
#define TZ_HOLD_H

/*
 * Signals held back while something has to be put right before they act: a
 * terminal without echo, a command that is still running.  They are blocked,
 * and seen as a descriptor (signalfd(2)), so nothing happens in a handler.  No
 * other thread may run that does not block them, too.
 */

#include <signal.h>
#include <stdbool.h>

struct hold {
	int fd; /* can be read, by poll(2), when a signal has come */
	sigset_t held, before;
};

/*
 * Hold back every signal that would end this process, or with stops also those
 * that would stop it, and SIGCONT.  What is ignored or blocked already stays
 * so, and what a fault of the program raises is not held.  The caller ends *h.
 * 0 or -errno.
 */
int hold_start(struct hold *h, bool stops);

/* The signal that came, or 0. */
int hold_take(struct hold *h);

/*
 * Let sig act now, as it would have without being held.  1: it stopped this
 * process, which has been continued.  0: it was to stop it and did not, as in
 * a process group that nobody could continue.  -EINTR: a handler of the
 * caller's has run, and what was going on should end.
 */
int hold_act(int sig);

/* Let signals act again. */
void hold_end(struct hold *h);

#endif
