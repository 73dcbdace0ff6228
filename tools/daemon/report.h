/* SPDX-License-Identifier: MIT */
#ifndef TZ_REPORT_H
#define TZ_REPORT_H

/* What a daemon answers to "status": docs/CONTROL.md has the lines. */

#include "fs/saver.h"
#include "fs/tree.h"

#include <stdio.h>

struct report {
	const char *vault, *dir;
	const char *rung;
	bool allow_other, own_namespace, read_only;
	struct tree_usage usage;
	struct saver_state saver; /* read-only: its params alone */
	uint64_t requests;	  /* that somebody has waited for */
};

void report_print(FILE *out, const struct report *r);

#endif
