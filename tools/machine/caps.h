/* SPDX-License-Identifier: MIT */
#ifndef TZ_CAPS_H
#define TZ_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Give up all capabilities of this thread, and for what it might run, but those
 * of the count in list (capabilities(7)) that it has.  The bounding set needs
 * CAP_SETPCAP to be emptied; who lacks it gains nothing by a program either,
 * once no_new_privs is set.  0 or -EPERM.
 */
int caps_keep(const unsigned list[], size_t count);

/* Those in effect, as a set: bit N is the capability N. */
uint64_t caps_effective(void);

/*
 * Give up all that are not in set, and see to it that no program brings them
 * back.  Unlike caps_keep(), the bounding set keeps what is in set, so that
 * root's programs have that.  0 or -EPERM.
 */
int caps_limit(uint64_t set);

/*
 * Let what this process runs next have the count in list, whoever's it is
 * (ambient capabilities); this process has them.  0 or -EPERM.
 */
int caps_hand_on(const unsigned list[], size_t count);

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
