/* SPDX-License-Identifier: MIT */
#include "lockers.h"

#include <errno.h>

bool lockers_add(struct lockers *l, struct control_request *r)
{
	if (l->count == LOCKERS_MAX) {
		control_reply(r, -EBUSY);
		return false;
	}
	l->at[l->count++] = r;
	return true;
}

void lockers_tell(struct lockers *l, int err)
{
	while (l->count > 0)
		control_reply(l->at[--l->count], err);
}

void lockers_done(struct lockers *l, bool at_end)
{
	while (at_end && l->count > 0)
		control_reply_last(l->at[--l->count]);
	lockers_tell(l, 0);
}
