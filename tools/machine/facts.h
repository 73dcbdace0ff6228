/* SPDX-License-Identifier: MIT */
#ifndef TZ_FACTS_H
#define TZ_FACTS_H

/* The facts of a machine, for people and for programs. */

#include "machine.h"

#include <jansson.h>
#include <stdio.h>

/* Each in one line. */
void facts_print(FILE *out, const struct machine *m);

/*
 * All in one object, which the caller releases: yes and no as true and false,
 * what was tried as 0 or an errno(3) number, bytes as numbers, -1 for no limit.
 */
json_t *facts_json(const struct machine *m);

#endif
