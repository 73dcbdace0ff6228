/* SPDX-License-Identifier: MIT */
#ifndef TZ_STATUS_H
#define TZ_STATUS_H

/* What `tazpod status` prints. */

#include "mounts.h"
#include "msg.h"

#include <stdbool.h>

/*
 * Print, to standard output, the status of one, or with NULL of all in m that
 * this user may ask: for people, or as a JSON array of objects.  EXIT_FAILED
 * if that one does not answer.
 */
enum exit_code status_print(const struct mounted *m, const struct mounted *one,
			    bool json);

#endif
