/* SPDX-License-Identifier: MIT */
#ifndef TZ_TURN_H
#define TZ_TURN_H

/*
 * One at a time unlocks a vault, so that of two who want it at once the second
 * finds it unlocked.  Only this user's are held off, and only those who ask
 * here.
 */

/*
 * Wait until nobody else unlocks the vault at path, which is absolute and has
 * no links in it; named is what its user calls it, who is told on a terminal
 * after a second.  Returns a descriptor that programs inherit: others wait
 * until it is closed everywhere.  -1: there is no place for such a lock, and it
 * goes without.
 */
int turn_take(const char *path, const char *named);

#endif
