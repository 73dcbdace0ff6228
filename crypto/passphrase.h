/* SPDX-License-Identifier: MIT */
#ifndef TZ_PASSPHRASE_H
#define TZ_PASSPHRASE_H

/* Passphrases, read straight into locked memory. */

#include "secret.h"

enum { PASSPHRASE_MAX = 4096 }; /* bytes */

/*
 * Read a passphrase from descriptor fd to its end.  One newline at the end is
 * dropped; everything else counts, NUL bytes too.  The caller frees *ret.
 *
 * Returns 0, -ENODATA if it is empty, -EMSGSIZE if it is longer than
 * PASSPHRASE_MAX, -ENOMEM, or the -errno of read(2).
 */
int passphrase_read(struct secret *ret, int fd);

/*
 * Ask for a passphrase on the controlling terminal, without echo.  The
 * terminal is as it was before when this returns or a signal ends the
 * process (readpassphrase(3bsd)).  It ends at the newline, or at a NUL typed
 * before.  The caller frees *ret.
 *
 * Returns as passphrase_read(), -ENOTTY if there is no terminal, or -EINTR.
 */
int passphrase_ask(struct secret *ret, const char *prompt);

#endif
