/* SPDX-License-Identifier: MIT */
#ifndef TZ_LOCKERS_H
#define TZ_LOCKERS_H

/* Those who wait for the answer to a lock. */

#include "tools/control/control.h"

#include <stdbool.h>
#include <stddef.h>

enum { LOCKERS_MAX = 16 };

/* {0} is nobody. */
struct lockers {
	struct control_request *at[LOCKERS_MAX];
	size_t count;
};

/* Let r wait.  False: too many do, and it has been told so. */
bool lockers_add(struct lockers *l, struct control_request *r);

/* Tell all of them: 0 or -errno. */
void lockers_tell(struct lockers *l, int err);

/*
 * Tell all of them that it is done; at_end: when this process ends
 * (control_reply_last()).
 */
void lockers_done(struct lockers *l, bool at_end);

#endif
