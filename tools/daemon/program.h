/* SPDX-License-Identifier: MIT */
#ifndef TZ_PROGRAM_H
#define TZ_PROGRAM_H

/* The file that this process was started from. */

#include <stdbool.h>

/* Remember which it is.  Once, before the process confines itself. */
void program_remember(void);

/*
 * Is there another file in its place by now, or none?  False also if it was not
 * to be found out.
 */
bool program_is_replaced(void);

#endif
