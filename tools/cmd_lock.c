/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "stale.h"
#include "tell.h"

#include <stdio.h>

/* Its daemon has died, and there is nothing to do but to end the mount. */
static enum exit_code lock_dead(const struct mounted *m)
{
	if (stale_heal(m->dir) > 0)
		return msg_fail(EXIT_FAILED,
				"%s: the daemon of the mount there had died; "
				"unmounted it; what was not sealed is lost",
				m->dir);
	return msg_fail(EXIT_FAILED,
			"%s: its daemon has died, and the mount cannot be "
			"ended; run 'umount %s'",
			m->dir, m->dir);
}

/* Have target's daemon lock it. */
static enum exit_code lock(const struct mounted *target)
{
	int err = tell_daemon(target, "lock");

	/* It may also die while it is asked. */
	if (err != 0 && stale_is_dead(target))
		return lock_dead(target);
	/* Its keeper has unmounted it, unless that had died before. */
	if (err == 0)
		(void)stale_heal(target->dir);
	return tell_failure(err, target, "lock");
}

enum exit_code cmd_lock(const struct command_line *c)
{
	const struct mounted *target = NULL;
	struct mounted *m = NULL;
	enum exit_code code = tell_find(&target, &m, c);

	if (code == EXIT_DONE)
		code = lock(target);
	if (code == EXIT_DONE && !c->quiet)
		(void)printf("%s: locked\n", target->vault);
	mounts_free(m);
	return code;
}
