/* SPDX-License-Identifier: MIT */
#ifndef TZ_PROTECTION_H
#define TZ_PROTECTION_H

/* The promises of a rung (promises.h), for people and for programs. */

#include "promises.h"

#include <jansson.h>
#include <stdio.h>

/* One line each, indented: "  yes     nothing in swap: ...". */
void protection_print(FILE *out, enum rung r, const struct circumstances *c);

/* {"swap": "yes", ...}; the caller releases it. */
json_t *protection_json(enum rung r, const struct circumstances *c);

/*
 * The rung that a daemon's answer names (control.h), and what makes a
 * difference to it.  RUNG_NONE if it names none.
 */
enum rung protection_of(struct circumstances *ret, const char *body);

#endif
