/* SPDX-License-Identifier: MIT */
#ifndef TZ_LOGIND_H
#define TZ_LOGIND_H

/*
 * What systemd-logind tells: that the machine is about to sleep, and that the
 * user's session has been locked (org.freedesktop.login1(5)).  Where there is
 * no libsystemd, no system bus or no logind, this tells nothing; if one of them
 * goes away, nothing more.
 *
 * It never waits: all it asks is asked in passing, and answered, or given up
 * after LOGIND_SECONDS, in logind_process().  Nobody but the connection that
 * owns logind's name on the bus is listened to.
 *
 * Not for more than one thread.
 */

#include <stdbool.h>

/* Long enough for polkit to be started by the first who asks it. */
enum { LOGIND_SECONDS = 10 };

/* What is wanted, a set. */
enum {
	LOGIND_SUSPEND = 1,
	LOGIND_SESSION = 2,
};

enum logind_event {
	/*
	 * The machine sleeps, suspended or hibernated, as soon as everybody who
	 * holds it up has let it, or after InhibitDelayMaxSec, by default 5 s.
	 * We hold it up, if logind allows that, until logind_release_sleep() or
	 * logind_free() is called, or this process ends.
	 */
	LOGIND_WILL_SLEEP,
	/*
	 * The session of this process has been locked, or if it is in none, as
	 * what a user's service manager starts, any session of its user's,
	 * unless that is root.  It may be told twice of one lock.
	 */
	LOGIND_SESSION_LOCKED,
};

/* Called by logind_process() alone; it must not free the struct logind. */
typedef void logind_fn(void *ctx, enum logind_event event);

struct logind;

/*
 * Is this process in a session, or in none but of a user's who has one?  No
 * bus is asked.
 */
bool logind_belongs(void);

/*
 * Begin to listen for what is wanted.  The caller calls logind_free().
 *
 * Returns 0, also where there is a bus but no logind yet, or
 *	-ENOENT		no libsystemd, or no system bus
 *	-ENOMEM
 *	the -errno of connecting to the bus
 */
int logind_new(struct logind **ret, unsigned wanted, logind_fn *fn, void *ctx);

/*
 * What to poll: the descriptor, and its events.  They can change with each
 * call of logind_process().  -1 and 0 when there is nothing more to come.
 */
int logind_fd(const struct logind *l);
int logind_events(const struct logind *l);

/* When to call logind_process() though nothing has come; -1: never. */
int logind_timeout_ms(const struct logind *l);

/* Do what is to be done now.  To be called when poll(2) has returned. */
void logind_process(struct logind *l);

/* Is sleep held up until we let it? */
bool logind_holds_sleep(const struct logind *l);

/*
 * Let the machine sleep.  When it wakes up, the next sleep is held up again.
 */
void logind_release_sleep(struct logind *l);

/* Close everything.  NULL is a no-op. */
void logind_free(struct logind *l);

#endif
