/* SPDX-License-Identifier: MIT */
#include "tell.h"

#include "join.h"
#include "target.h"
#include "tools/control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long somebody waits before it is said for what, and said again. */
enum { FIRST_SECONDS = 2, NEXT_SECONDS = 30 };

const char *tell_name(const struct command_line *c)
{
	if (c->argc > 0)
		return c->argv[0];
	return c->mount != NULL ? c->mount : c->vault;
}

enum exit_code tell_find(const struct mounted **ret, struct mounted **list,
			 const struct command_line *c)
{
	int err = join_mounts(list, tell_name(c));

	if (err != 0)
		return msg_fail(EXIT_FAILED, "cannot read the mount table: %s",
				msg_error(err));
	return target_find(ret, *list, tell_name(c));
}

/* Say what it is that takes so long, and what can be done. */
static void say_why(const struct mounted *m, const char *word, pid_t daemon)
{
	const bool is_lock = strcmp(word, "lock") == 0;
	struct control_answer answer = {0};
	uint64_t ms = 0;
	int err = control_ask(&answer, m->owner, m->dev, "status");

	if (err == 0)
		ms = control_number(answer.body, "disk_ms");
	if (err != 0)
		msg_say("%s: waiting: its daemon (pid %d) does not answer",
			m->dir, daemon);
	else if (ms > 0)
		msg_say("%s: waiting for its disk, which has not finished a "
			"save in %llu s; to stop waiting does no harm%s",
			m->vault, (unsigned long long)(ms + 500) / 1000,
			is_lock ? ", and 'tazpod lock --discard' locks without "
				  "that save"
				: "");
	else
		msg_say("%s: waiting for its daemon (pid %d)", m->dir, daemon);
	free(answer.body);
}

int tell_daemon(const struct mounted *m, const char *word)
{
	struct control_answer answer = {0};
	unsigned seconds = FIRST_SECONDS;
	struct control_call c = {0};
	int err = control_call(&c, m->owner, m->dev, word);

	if (err != 0)
		return err;
	while ((err = control_wait(&answer, &c, seconds)) == -ETIMEDOUT) {
		say_why(m, word, c.pid);
		seconds = NEXT_SECONDS;
	}
	control_hang_up(&c);
	free(answer.body);
	return err != 0 ? err : answer.err;
}

/* Programs keep it from being locked. */
static enum exit_code tell_writers(const struct mounted *m, const char *doing)
{
	return msg_fail(EXIT_FAILED,
			"%s: %s failed: files in it are open for "
			"writing, or deleted and still open; it is "
			"still mounted, and nothing is lost; end those "
			"programs, or let 'tazpod lock --kill' do it",
			m->dir, doing);
}

enum exit_code tell_failure(int err, const struct mounted *m, const char *doing)
{
	if (err == -ECONNREFUSED && m->owner != geteuid() && geteuid() != 0)
		return msg_fail(EXIT_FAILED,
				"%s: mounted by user %u, whose daemon answers "
				"only that user and root",
				m->dir, m->owner);
	switch (err) {
	case 0:
		return EXIT_DONE;
	case -ECONNREFUSED:
		return msg_fail(EXIT_FAILED,
				"%s: its daemon does not answer here; end the "
				"mount with 'umount %s'",
				m->dir, m->dir);
	case -EBUSY:
		return msg_fail(EXIT_FAILED,
				"%s: %s failed: something else is mounted over "
				"it or in it, or too many wait already; "
				"nothing is lost",
				m->dir, doing);
	case -ETXTBSY:
		return tell_writers(m, doing);
	case -ENOTSUP:
		return msg_fail(EXIT_FAILED,
				"%s: mounted read-only: nothing "
				"to save",
				m->dir);
	case -ECANCELED:
		return msg_fail(EXIT_FAILED,
				"%s: has ended, but its vault %s could not be "
				"saved; what it held is sealed in a file that "
				"the next 'tazpod unlock' names",
				m->dir, m->vault);
	case -ECONNRESET:
		return msg_fail(EXIT_FAILED,
				"%s: its daemon has ended meanwhile, or serves "
				"too many already; see 'tazpod status', and "
				"the system log",
				m->dir);
	case -ESHUTDOWN:
		return msg_fail(EXIT_FAILED,
				"%s: has been ended without a save meanwhile",
				m->dir);
	case -ENOENT:
		return msg_fail(EXIT_FAILED,
				"%s: %s failed: its folder is gone; copy what "
				"you need out of %s, while it is still "
				"mounted",
				m->vault, doing, m->dir);
	default:
		return msg_fail(EXIT_FAILED,
				"%s: %s failed: %s; it is still mounted, and "
				"nothing is lost%s",
				m->vault, doing, msg_error(err),
				strcmp(doing, "lock") == 0
					? "; 'tazpod lock --discard' ends it "
					  "without a save"
					: "");
	}
}
