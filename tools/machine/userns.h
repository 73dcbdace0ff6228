/* SPDX-License-Identifier: MIT */
#ifndef TZ_USERNS_H
#define TZ_USERNS_H

/*
 * A mount namespace of this process's own, in which it and what it runs see a
 * vault that nobody else sees.  Who may not mount makes a user namespace along
 * with it, in which it may.  The namespaces go with their last process.
 */

#include "tools/msg.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct userns {
	bool is_entered;
	bool has_users;	 /* also a user namespace */
	uint64_t rights; /* what this process might do before (caps.h) */
};

/*
 * Enter such namespaces, which have everything that is mounted here, and hear
 * of what is mounted here later, but not the other way round.  Users and groups
 * are mapped to themselves: all that there are, if this process may set user
 * ids, else its own.  why is what else does not work, for messages, or NULL.
 * This process must have one thread.  EXIT_DONE, or EXIT_MOUNT, which has been
 * said; then this process may be left in a namespace of no use.
 */
enum exit_code userns_enter(struct userns *ret, const char *why);

/*
 * Enter the namespaces of process pid instead, which this user has made, in the
 * same working folder if there is one of that name.  This process must have one
 * thread.  0 or -errno, -EPERM if they are another user's; ret is set only on
 * success.
 */
int userns_join(struct userns *ret, pid_t pid);

/*
 * Let what this process runs next mount, and nothing that it would not need for
 * that.  For a child between fork(2) and exec(2).  0 or -EPERM.
 */
int userns_let_mount(const struct userns *n);

/*
 * Give up what this process may do in its namespaces and could not before, for
 * good.  0 or -EPERM.
 */
int userns_give_up(const struct userns *n);

#endif
