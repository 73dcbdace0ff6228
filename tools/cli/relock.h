/* SPDX-License-Identifier: MIT */
#ifndef TZ_RELOCK_H
#define TZ_RELOCK_H

/* Locking a vault again when what it was unlocked for has ended. */

#include "unlock.h"

/*
 * See to it that at is locked, and wait for that: if its last lease was ours
 * and it locks with that, or if always, whoever else uses it.  As process 1 it
 * is locked in any case, as its daemon ends with this process: what cannot be
 * saved is put aside.  That waits for as long as it takes, others for a few
 * seconds.  *is_locked says whether it is.  EXIT_DONE, or EXIT_FAILED, which
 * has been said.
 */
enum exit_code relock(const struct unlocked *at, bool always, bool *is_locked);

/*
 * Have it locked at once, while it is in use, and wait a moment for that.
 * Nothing is said.
 */
void relock_now(const struct unlocked *at);

/* Has the daemon ended?  It is waited for. */
bool relock_await_end(const struct unlocked *at);

#endif
