/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "evict.h"
#include "home.h"
#include "join.h"
#include "tell.h"
#include "tools/control/control.h"
#include "tools/mounts/holders.h"
#include "tools/mounts/stale.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAID_MAX = 20 }; /* holders, one a line */

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

/* Why target is not locked: err is 0 or -errno. */
static enum exit_code failure(int err, const struct mounted *target)
{
	/*
	 * It may also die while it is asked; but one that hangs would let us
	 * hang, too, if we looked at its mount.
	 */
	if (err != 0 && err != -ETIMEDOUT && stale_is_dead(target))
		return lock_dead(target);
	return tell_failure(err, target, "lock");
}

/* Who held something of the mount before it was locked, and still does. */
static void say_holder(const struct holder *h)
{
	static const char *const hows[] = {
		[HOLDER_FILE] = "",
		[HOLDER_FOLDER] = "working folder ",
		[HOLDER_ROOT] = "root ",
		[HOLDER_PROGRAM] = "program ",
		[HOLDER_MAPPING] = "mapping ",
	};
	char more[32] = "";

	if (h->more > 0)
		(void)snprintf(more, sizeof(more), " and %u more", h->more);
	msg_say("still held by %s (pid %d%s): %s%s%s", h->name, h->pid,
		h->is_elsewhere ? ", in another mount namespace" : "",
		hows[h->how], h->path, more);
}

static void say_holders(const struct holders *holders)
{
	size_t said = 0, more = holders->left_out;

	for (const struct holder *h = holders->first; h != NULL; h = h->next) {
		if (!holders_is_alive(h))
			continue;
		if (said++ < SAID_MAX)
			say_holder(h);
		else
			more++;
	}
	if (more > 0)
		msg_say("and %zu more process%s", more, more == 1 ? "" : "es");
}

/*
 * Find those who hold something of target, after those whom --kill ends.  Only
 * a daemon that answers can be told from them.
 */
static enum exit_code prepare(const struct command_line *c,
			      const struct mounted *target,
			      struct holders *holders)
{
	struct control_answer answer = {0};
	int err;

	if (c->quiet && !c->kill)
		return EXIT_DONE;
	err = control_ask(&answer, target->owner, target->dev, "status");
	free(answer.body);
	if (err != 0)
		return c->kill ? failure(err, target) : EXIT_DONE;
	if (c->kill)
		err = evict_holders(target->dev, answer.pid, c->quiet);
	if (err == 0 && !c->quiet)
		err = holders_find(holders, target->dev, answer.pid);
	if (err != 0 && c->kill)
		return msg_fail(EXIT_FAILED,
				"%s: cannot look for who holds files of it: "
				"%s; it is still mounted, lock it without "
				"--kill",
				target->dir, msg_error(err));
	if (err != 0)
		msg_say("%s: cannot look for who holds files of it: %s",
			target->dir, msg_error(err));
	return EXIT_DONE;
}

/* Have target's daemon end it. */
static enum exit_code lock(const struct mounted *target,
			   const struct command_line *c,
			   const struct holders *holders)
{
	int err = tell_daemon(target, c->discard ? "discard" : "lock");

	/* Its keeper has unmounted it, unless that had died before. */
	if (err == 0)
		(void)stale_heal(target->dir);
	if (err == 0 && !c->quiet)
		(void)printf("%s: locked%s\n", target->vault,
			     c->discard ? ", without a save" : "");
	/* Those who have lost it, or those who keep it. */
	if (err == 0 || err == -ETXTBSY)
		say_holders(holders);
	return failure(err, target);
}

/* The same, of one. */
static enum exit_code lock_one(const struct command_line *c,
			       const struct mounted *target)
{
	struct holders holders = {0};
	enum exit_code code = prepare(c, target, &holders);

	if (code == EXIT_DONE)
		code = lock(target, c, &holders);
	holders_free(&holders);
	return code;
}

/* All of this user's, also if one of them fails; the first failure counts. */
static enum exit_code lock_all(const struct command_line *c)
{
	struct mounted *list = NULL;
	enum exit_code code = EXIT_DONE, one;
	int err = join_mounts(&list, NULL);

	if (err != 0)
		return msg_fail(EXIT_FAILED, "cannot read the mount table: %s",
				msg_error(err));
	for (const struct mounted *m = list; m != NULL; m = m->next) {
		if (m->owner != geteuid() || m->is_part)
			continue;
		one = lock_one(c, m);
		code = code == EXIT_DONE ? one : code;
	}
	mounts_free(list);
	return code;
}

/* The one that c is about.  *is_open says whether it still is mounted then. */
static enum exit_code lock_named(const struct command_line *c, bool *is_open)
{
	const struct mounted *target = NULL;
	struct mounted *m = NULL;
	enum exit_code code = tell_find(&target, &m, c);

	if (code == EXIT_DONE)
		code = lock_one(c, target);
	*is_open = target != NULL && code != EXIT_DONE;
	mounts_free(m);
	return code;
}

/* What a crash has left of the project's bridges goes with its vault. */
static void mend(const struct command_line *c)
{
	struct home home;

	if (home_read(&home, tell_name(c)) == EXIT_DONE)
		home_mend(&home, c->mount);
	home_free(&home);
}

enum exit_code cmd_lock(const struct command_line *c)
{
	enum exit_code code;
	bool is_open = false;

	if (c->all && tell_name(c) != NULL)
		return msg_fail(EXIT_USAGE, "lock: --all, or the name of one");
	if (c->all) {
		code = lock_all(c);
		is_open = code != EXIT_DONE;
	} else {
		code = lock_named(c, &is_open);
	}
	if (!is_open)
		mend(c);
	return code;
}
