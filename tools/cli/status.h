/* SPDX-License-Identifier: MIT */
#ifndef TZ_STATUS_H
#define TZ_STATUS_H

/* What `tazpod status` prints. */

#include "tools/mounts/mounts.h"
#include "tools/msg.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * Print, to standard output, the status of one, or with NULL of all in m that
 * this user may ask: for people, or as a JSON array of objects.  EXIT_FAILED
 * if that one does not answer.
 */
enum exit_code status_print(const struct mounted *m, const struct mounted *one,
			    bool json);

/*
 * Write to out what m's daemon has answered (control.h), in words.  body may
 * hold anything, or be NULL if there was no answer; is_dead: nor will there be.
 */
void status_text(FILE *out, const struct mounted *m, const char *body,
		 bool is_dead);

/* The same as a JSON object.  The caller has the reference. */
json_t *status_json(const struct mounted *m, const char *body, bool is_dead);

#endif
