/* SPDX-License-Identifier: MIT */
#ifndef TZ_CAPS_H
#define TZ_CAPS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Give up all capabilities of this thread, and for what it might run, but those
 * of the count in list (capabilities(7)) that it has.  The bounding set needs
 * CAP_SETPCAP to be emptied; who lacks it gains nothing by a program either,
 * once no_new_privs is set.  0 or -EPERM.
 */
int caps_keep(const unsigned list[], size_t count);

/* Is that one in effect? */
bool caps_have(unsigned cap);

/*
 * Do they count for the whole machine, and not just in a user namespace
 * (user_namespaces(7))?
 */
bool caps_are_global(void);

/*
 * The names of those that are in effect, "a,b" without "cap_", in lower case,
 * or "" if there are none; the caller frees it.  NULL: no memory.
 */
char *caps_names(void);

#endif
