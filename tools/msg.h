/* SPDX-License-Identifier: MIT */
#ifndef TZ_MSG_H
#define TZ_MSG_H

/* Exit codes, and the words for what went wrong: one line, said once. */

/* The exit status of every tool; tazpod(1) and tazpodfs(8) document them. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* I/O, no space, and everything else */
	EXIT_USAGE = 2,
	EXIT_PASSPHRASE = 3, /* wrong */
	EXIT_DAMAGED = 4,    /* not a vault, or damaged */
	EXIT_IN_USE = 5,     /* by another mount */
	EXIT_MEMORY = 6,     /* cannot be locked */
	EXIT_MOUNT = 7,	     /* cannot mount */
	EXIT_CONFLICT = 8,   /* another writer's, or older than one seen */
};

/* Of memory that may be locked: so that an empty vault can be written. */
enum { MSG_LEAST_KIB = 5120 };

/* The name that messages begin with; name is not copied. */
void msg_program(const char *name);

/* Put '?' in the place of each control character of text, which a terminal
 * could obey. */
void msg_clean(char *text);

/*
 * Say "PROGRAM: ..." on standard error, in one line: control characters in
 * what is printed come out as '?'.
 */
__attribute__((format(printf, 1, 2))) void msg_say(const char *format, ...);

/* The same, then return code: for `return msg_fail(EXIT_..., ...)`. */
__attribute__((format(printf, 2, 3))) enum exit_code
msg_fail(enum exit_code code, const char *format, ...);

/*
 * Connect to the system log, for msg_log().  Without it, that says things on
 * standard error alone.
 */
void msg_log_open(void);

/*
 * Say it as msg_say() does, and to the system log (syslog(3)) with that
 * priority: for a daemon, whose standard error may lead nowhere.
 */
__attribute__((format(printf, 2, 3))) void msg_log(int priority,
						   const char *format, ...);

/*
 * Say that what, a vault or an action, needs more memory than may be locked:
 * the limit in force, what it takes, and how to raise it.  EXIT_MEMORY.
 */
enum exit_code msg_fail_memory(const char *what);

/*
 * What a user should read for err (-errno): strerror(3), but for those whose
 * words would puzzle.
 */
const char *msg_error(int err);

#endif
