/* SPDX-License-Identifier: MIT */
#include "relock.h"

#include "init.h"
#include "tell.h"
#include "tools/control/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	SAY_SECONDS = 2,   /* before it is said what is waited for */
	LOCK_SECONDS = 8,  /* after that */
	END_MS = 10000,	   /* how long a daemon may take to end ... */
	UNKNOWN_MS = 1000, /* ... one that is not known */
	NOW_MS = 1500,
};

bool relock_await_end(const struct unlocked *at)
{
	struct pollfd p = {.fd = at->pidfd, .events = POLLIN};

	return poll(&p, 1, at->pidfd >= 0 ? END_MS : UNKNOWN_MS) > 0 ||
	       at->pidfd < 0;
}

/*
 * Are there leases left?  1, 0 or -errno: -ECONNREFUSED if it has been locked
 * already.  That ours has ended is seen by the daemon before it sees who asks a
 * second time.
 */
static int has_leases(const struct unlocked *at)
{
	struct control_answer answer = {0};
	int left = 1;

	for (int n = 0; n < 2 && left > 0; n++) {
		left = control_ask(&answer, at->mount->owner, at->mount->dev,
				   "status");
		if (left != 0)
			return left;
		left = control_number(answer.body, "leases") > 0;
		if (answer.pid != at->daemon)
			left = -ECONNREFUSED;
		free(answer.body);
	}
	return left;
}

/* Have it locked, or wait until that is done, saying so if it takes long. */
static int lock(const struct unlocked *at)
{
	const struct mounted *m = at->mount;
	struct control_answer answer = {0};
	struct control_call call;
	int err = control_call_daemon(&call, m->owner, m->dev, at->daemon,
				      "lock");

	if (err != 0)
		return err;
	err = control_wait(&answer, &call, SAY_SECONDS);
	if (err == -ETIMEDOUT) {
		msg_say("%s: waiting until %s is saved and locked", m->dir,
			m->vault);
		err = control_wait(&answer, &call,
				   init_is_us() ? 0 : LOCK_SECONDS);
	}
	control_hang_up(&call);
	free(answer.body);
	return err != 0 ? err : answer.err;
}

/* Tell the daemon to end, whatever becomes of what it has. */
static void demand(const struct unlocked *at)
{
	if (at->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, at->pidfd, SIGTERM, NULL,
			      0);
}

void relock_now(const struct unlocked *at)
{
	struct pollfd p = {.fd = at->pidfd, .events = POLLIN};

	demand(at);
	if (at->pidfd >= 0)
		(void)poll(&p, 1, NOW_MS);
}

enum exit_code relock(const struct unlocked *at, bool always, bool *is_locked)
{
	const bool is_last = init_is_us() && at->daemon > 0;
	int err;

	*is_locked = false;
	if (!always && !is_last && !at->lease_only)
		return EXIT_DONE;
	if (is_last)
		demand(at);
	err = always || is_last ? 0 : has_leases(at);
	if (err > 0)
		return EXIT_DONE;
	if (err == 0)
		err = lock(at);
	/* It was quicker than to hear us. */
	if ((err == -ECONNREFUSED || err == -ECONNRESET) &&
	    relock_await_end(at))
		err = 0;
	if (err == -ECANCELED)
		(void)relock_await_end(at);
	if (err == -ETIMEDOUT)
		return msg_fail(EXIT_FAILED,
				"%s: not locked yet; 'tazpod lock %s' waits "
				"for it",
				at->mount->vault, at->mount->dir);
	*is_locked = err == 0 || err == -ECANCELED;
	return tell_failure(err, at->mount, "lock");
}
