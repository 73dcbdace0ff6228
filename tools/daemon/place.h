/* SPDX-License-Identifier: MIT */
#ifndef TZ_PLACE_H
#define TZ_PLACE_H

/* The folder that a vault is to be mounted on. */

#include "tools/msg.h"

#include <stdbool.h>

/* Is dir the root of a mount?  No daemon is asked for that. */
bool place_is_mount(const char *dir);

/* Say that it is one, and so cannot be mounted on.  EXIT_MOUNT. */
enum exit_code place_complain_busy(const char *dir);

/*
 * Let others who call this wait until the caller closes what is returned: of
 * two who want to mount at dir, the second sees what the first has mounted.
 * After two seconds it goes without.  A descriptor, or -1: nobody is held off.
 */
int place_hold(const char *dir);

#endif
