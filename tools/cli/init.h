/* SPDX-License-Identifier: MIT */
#ifndef TZ_INIT_H
#define TZ_INIT_H

/* Being process 1, as in a container: with its end all others end. */

#include <stdbool.h>

/* Is this process 1? */
bool init_is_us(void);

/*
 * Ask all other processes to end, and wait until no daemon of ours is left: one
 * that has something to save ends when that is done.  Signals are held back
 * (child_hold_signals()).
 */
void init_end(void);

/*
 * As process 1, wait until somebody asks this to end, and reap meanwhile; then
 * init_end().  Signals are held back.
 */
void init_wait(void);

#endif
