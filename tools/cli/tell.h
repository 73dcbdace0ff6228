/* SPDX-License-Identifier: MIT */
#ifndef TZ_TELL_H
#define TZ_TELL_H

/* What the commands share that have a daemon do something. */

#include "commands.h"
#include "tools/mounts/mounts.h"

/* The name of a mount point or of a vault that c was given, or NULL. */
const char *tell_name(const struct command_line *c);

/*
 * The mount that c is about, in a list of all that are in sight.  The caller
 * frees *list, whatever is returned.  What goes wrong is said: EXIT_FAILED, or
 * EXIT_USAGE if there are several to choose from.
 */
enum exit_code tell_find(const struct mounted **ret, struct mounted **list,
			 const struct command_line *c);

/*
 * Have m's daemon do word, "save", "lock" or "discard", and wait for that; when
 * it takes long, say why.  0, the error that it answers with, or those of
 * control_call() and control_wait().
 */
int tell_daemon(const struct mounted *m, const char *word);

/*
 * Say why doing that to m failed with err (-errno), and what the user can do.
 * EXIT_DONE if err is 0, else EXIT_FAILED.
 */
enum exit_code tell_failure(int err, const struct mounted *m,
			    const char *doing);

#endif
