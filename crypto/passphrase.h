/* SPDX-License-Identifier: MIT */
#ifndef TZ_PASSPHRASE_H
#define TZ_PASSPHRASE_H

/* Passphrases, read by read(2) straight into locked memory. */

#include "secret.h"

enum {
	PASSPHRASE_MAX = 4096,	   /* bytes */
	PASSPHRASE_LINE_MAX = 4094 /* of one that is typed */
};

/*
 * Read a passphrase from descriptor fd to its end.  One newline at the end is
 * dropped; everything else counts, NUL bytes too.  The caller frees *ret.
 *
 * Returns 0, -ENODATA if it is empty, -EMSGSIZE if it is longer than
 * PASSPHRASE_MAX, -ENOMEM, or the -errno of read(2).
 */
int passphrase_read(struct secret *ret, int fd);

/* The same, but it ends with -EINTR as soon as descriptor stop can be read. */
int passphrase_read_until(struct secret *ret, int fd, int stop);

/*
 * Ask for a passphrase on the controlling terminal, without echo; it ends at
 * the newline, and what has been typed before or behind it is thrown away.
 * NUL bytes count.  The caller frees *ret.
 *
 * The terminal is as it was before when this returns, and also when a signal
 * ends or stops the process, but for SIGKILL, SIGSTOP and faults.  Signals act
 * as they would without it; after a stop it asks again.  The terminal edits the
 * line (termios(3), canonical mode), since Linux wipes its own copy of a line
 * only if it does, and echo is off.  It cuts a line to 4095 bytes without a
 * word, so one of that length is refused.
 *
 * Returns 0; -ENODATA if it is empty; -EMSGSIZE if it is longer than
 * PASSPHRASE_LINE_MAX; -ENOTTY if there is no terminal; -EINTR if a signal's
 * handler has run; -ENOMEM; or another -errno.  Only one thread may run.
 */
int passphrase_ask(struct secret *ret, const char *prompt);

#endif
