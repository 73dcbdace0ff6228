/* SPDX-License-Identifier: MIT */
#ifndef TZ_REACH_H
#define TZ_REACH_H

#include "rung.h"

/* Why a rung cannot be had, and what would change that: each one line. */
struct reach {
	char why[160], how[200];
};

/*
 * Explain that of r, which m does not have.  RUNG_FUSE stands for
 * RUNG_FUSERMOUNT, too.
 */
void reach_explain(struct reach *ret, const struct machine *m, enum rung r);

#endif
