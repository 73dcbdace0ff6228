/* SPDX-License-Identifier: MIT */
#ifndef TZ_PROMISES_H
#define TZ_PROMISES_H

/*
 * What holds for a vault that is shown on some rung (rung.h).  docs/BACKENDS.md
 * has the same table, and tests/e2e/doctor.t compares the two.
 */

#include "rung.h"

#include <stdbool.h>

enum promise_state { PROMISE_HOLDS, PROMISE_PARTLY, PROMISE_BROKEN };

struct promise {
	const char *name;  /* stable, the key in JSON: "swap" */
	const char *title; /* "nothing in swap" */
	enum promise_state state;
	const char *why; /* one sentence without a full stop */
};

enum { PROMISES_COUNT = 13 };

/* What of the machine and the mount makes a difference. */
struct circumstances {
	bool swap_on;
	bool admin_access;  /* struct machine */
	bool allow_other;   /* the mount's option */
	bool own_namespace; /* only what was started in it sees the mount */
};

/*
 * All promises, in the order in which they are shown, for rung r, which is not
 * RUNG_NONE.  The strings are static.
 */
void promises_of(struct promise ret[static PROMISES_COUNT], enum rung r,
		 const struct circumstances *c);

/* "yes", "partly" or "no". */
const char *promises_word(enum promise_state s);

#endif
