/* SPDX-License-Identifier: MIT */
#ifndef TZ_ASKPASS_H
#define TZ_ASKPASS_H

/*
 * A passphrase from where the user keeps it: a file, a descriptor, a command,
 * systemd's credentials, or the terminal.  Never from an argument or an
 * environment variable.
 */

#include "crypto/secret.h"
#include "tools/msg.h"
#include "tools/options.h"

#include <stdbool.h>

/*
 * Does s lead to the terminal, where a wrong passphrase can be typed again?
 * It does if it names nothing and there is no credential to use instead.
 */
bool askpass_is_terminal(const struct pass_source *s);

/*
 * Get the passphrase of the vault called vault.  The caller frees *ret.  What
 * goes wrong is said: EXIT_FAILED or EXIT_MEMORY, or EXIT_PASSPHRASE if just
 * nothing was typed.
 */
enum exit_code askpass_get(struct secret *ret, const struct pass_source *s,
			   const char *vault);

/* The same for a vault to be made: a terminal is asked twice. */
enum exit_code askpass_new(struct secret *ret, const struct pass_source *s,
			   const char *vault);

#endif
