/* SPDX-License-Identifier: MIT */
#ifndef TZ_AUTOSEAL_H
#define TZ_AUTOSEAL_H

/*
 * Has changes sealed by themselves: some time after the last one, and soon
 * enough after the first.  While nothing changes it does nothing at all.  A
 * seal that fails is tried again, at longer and longer intervals.
 *
 * All functions are called under the loop's lock.
 */

#include "loop.h"
#include "saver.h"

#include <stdint.h>

struct autoseal;

struct autoseal_policy {
	uint32_t quiet_ms; /* after the last change */
	uint32_t most_ms;  /* after the first one, whatever comes */
	/* Told what became of each seal, 0 or -errno.  May be NULL. */
	void (*sealed)(void *ctx, int err);
	void *ctx;
};

/*
 * Start for the tree that s saves.  loop and s are borrowed until
 * autoseal_stop().  0, -ENOMEM or the -errno of timerfd_create(2).
 */
int autoseal_start(struct autoseal **ret, struct loop *loop, struct saver *s,
		   const struct autoseal_policy *policy);

/* The tree has changed.  Any thread may say so. */
void autoseal_changed(struct autoseal *a);

/*
 * All there is has been sealed, by whomever: what is changed from now on does
 * not have to wait for what failed before.
 */
void autoseal_settled(struct autoseal *a);

/* Begin no more seals, and release a.  NULL is a no-op. */
void autoseal_stop(struct autoseal *a);

#endif
