/* SPDX-License-Identifier: MIT */
#ifndef TZ_LEASED_H
#define TZ_LEASED_H

/*
 * Programs that run with a vault unlocked, and hold a lease of it.  The lease
 * is the program's, not this one's, so it lasts as long as the program does,
 * whatever happens to this.
 */

#include "commands.h"
#include "home.h"

#include <stdint.h>

/* What is to run, and how. */
struct leased {
	const char *const *argv; /* ends with NULL */
	const char *options; /* for the mount, besides the user's; or NULL */
	bool locks;	     /* at its end, whoever else uses the vault */
	bool creates;	     /* the project's vault, if there is none yet */
	uint32_t grace_ms;   /* that it has after SIGTERM; 0: as it needs */
	struct home_user user;
};

/*
 * Unlock the vault that c names, where it may be mounted, or else in
 * namespaces of this process's own (userns.h); run that; and have it locked
 * with the last lease.  As process 1, end all others then.  Returns the exit
 * status of the program, or why it was not run, which has been said.
 */
enum exit_code leased_run(const struct command_line *c,
			  const struct leased *how);

#endif
