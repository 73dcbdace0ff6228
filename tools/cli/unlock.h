/* SPDX-License-Identifier: MIT */
#ifndef TZ_UNLOCK_H
#define TZ_UNLOCK_H

/* Unlocking a vault, for the commands that do. */

#include "child.h"
#include "tools/mounts/mounts.h"
#include "tools/msg.h"

#include <limits.h>
#include <stdbool.h>

/* What is wanted, and how it was named. */
struct unlock {
	const char *vault;
	const char *dir;     /* NULL: wherever it is, else the usual folder */
	const char *wanted;  /* that folder, if it is not the usual; or "" */
	const char *options; /* for tazpodfs, as -o has them */
	int turn;	     /* others wait until this is closed; or -1 */
	char usual[PATH_MAX];
};

/* Where it is unlocked already. */
struct unlocked {
	struct mounted *list;
	const struct mounted *mount; /* of list; NULL: nowhere */
	pid_t daemon;		     /* 0: not in sight */
	int pidfd;		     /* of the daemon, or -1 */
	bool lease_only;	     /* it locks when the last lease ends */
};

/* Wait until nobody else unlocks that vault, and see to it that who comes
 * later waits for us: u->turn is set. */
void unlock_begin(struct unlock *u);

/* Let others have their turn. */
void unlock_end(struct unlock *u);

/*
 * Is it unlocked already, where it is wanted?  EXIT_DONE, and the caller frees
 * *ret; or what is in the way, which has been said: EXIT_IN_USE if it is
 * unlocked elsewhere, EXIT_MOUNT if its daemon does not answer.
 */
enum exit_code unlock_find(struct unlocked *ret, const struct unlock *u);

/* Release what unlock_find() has found; a second time is a no-op. */
void unlock_forget(struct unlocked *found);

/*
 * Run tazpodfs, as *how has it but for the file and the arguments, to have it
 * mounted.  The usual folder is made if it is missing.  Of a signal that ends
 * it, this process ends as well.  EXIT_DONE, or what is wrong, which has been
 * said.
 */
enum exit_code unlock_run(struct unlock *u, const struct child_program *how);

#endif
