/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "control.h"
#include "crypto/crypto.h"
#include "crypto/mem.h"
#include "mounts.h"
#include "openvault.h"
#include "stale.h"
#include "status.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *command_argument(const struct command_line *c, int n,
			     const char *option)
{
	return n < c->argc ? c->argv[n] : option;
}

/* Append ",key=value" to *list, commas in value escaped.  0 or -ENOMEM. */
static int append_option(char **list, const char *key, const char *value)
{
	size_t len = *list != NULL ? strlen(*list) : 0;
	char *more, *to;

	if (value == NULL)
		return 0;
	more = realloc(*list, len + strlen(key) + 2 * strlen(value) + 2);
	if (more == NULL)
		return -ENOMEM;
	*list = more;
	to = more + len;
	if (len > 0)
		*to++ = ',';
	to = stpcpy(to, key);
	for (; *value != '\0'; value++) {
		if (*value == ',' || *value == '\\')
			*to++ = '\\';
		*to++ = *value;
	}
	*to = '\0';
	return 0;
}

char *command_options(const struct command_line *c)
{
	char *list = strdup(c->options != NULL ? c->options : "rw");

	if (list == NULL ||
	    append_option(&list, "passfile=", c->passfile) != 0 ||
	    append_option(&list, "passfd=", c->passfd) != 0 ||
	    append_option(&list, "passcmd=", c->passcmd) != 0) {
		free(list);
		return NULL;
	}
	return list;
}

enum exit_code cmd_create(const struct command_line *c)
{
	char buf[PATH_MAX], *list = NULL;
	struct opened v = {0};
	struct options o;
	const char *vault;
	enum exit_code code;

	options_init(&o);
	code = target_vault(&vault, command_argument(c, 0, c->vault), buf);
	if (code != EXIT_DONE)
		goto out;
	list = command_options(c);
	code = list != NULL ? options_parse(&o, list)
			    : msg_fail(EXIT_FAILED, "out of memory");
	if (code != EXIT_DONE)
		goto out;
	if (crypto_start() != 0) {
		code = msg_fail_memory(vault);
		goto out;
	}
	code = openvault_create(&v, &o, vault);
	if (code == EXIT_DONE && !c->quiet)
		(void)printf("%s: made a new vault\n", vault);
	openvault_close(&v);
	(void)fflush(stdout);
	mem_wipe_all();
	_exit(code);
out:
	options_free(&o);
	free(list);
	return code;
}

/* What a command that speaks to a daemon was told of its target. */
static const char *target_name(const struct command_line *c)
{
	if (c->argc > 0)
		return c->argv[0];
	return c->mount != NULL ? c->mount : c->vault;
}

enum exit_code command_complain(int err, const struct mounted *m,
				const char *doing)
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
	case -ENOENT:
		return msg_fail(EXIT_FAILED,
				"%s: %s failed: its folder is gone; copy what "
				"you need out of %s, while it is still "
				"mounted",
				m->vault, doing, m->dir);
	default:
		return msg_fail(EXIT_FAILED,
				"%s: %s failed: %s; it is still mounted, and "
				"nothing is lost",
				m->vault, doing, msg_error(err));
	}
}

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

/* Have the daemon of c's target do word. */
static enum exit_code tell_daemon(const struct command_line *c,
				  const char *word, const char *done)
{
	struct control_answer answer = {0};
	const struct mounted *target;
	struct mounted *m = NULL;
	enum exit_code code;
	int err = mounts_read(&m);

	if (err != 0)
		return msg_fail(EXIT_FAILED, "cannot read the mount table: %s",
				msg_error(err));
	code = target_find(&target, m, target_name(c));
	if (code == EXIT_DONE) {
		err = control_ask(&answer, target->owner, target->dev, word);
		if (err == 0)
			err = answer.err;
		/* It may also die while it is asked. */
		if (err != 0 && strcmp(word, "lock") == 0 &&
		    stale_is_dead(target))
			code = lock_dead(target);
		else
			code = command_complain(err, target, word);
		/* Its keeper has, unless that had died before. */
		if (code == EXIT_DONE && strcmp(word, "lock") == 0)
			(void)stale_heal(target->dir);
	}
	if (code == EXIT_DONE && !c->quiet)
		(void)printf("%s: %s\n", target->vault, done);
	free(answer.body);
	mounts_free(m);
	return code;
}

enum exit_code cmd_lock(const struct command_line *c)
{
	return tell_daemon(c, "lock", "locked");
}

enum exit_code cmd_save(const struct command_line *c)
{
	return tell_daemon(c, "save", "saved");
}

enum exit_code cmd_status(const struct command_line *c)
{
	const char *name = target_name(c);
	const struct mounted *one = NULL;
	struct mounted *m = NULL;
	enum exit_code code = EXIT_DONE;
	int err = mounts_read(&m);

	if (err != 0)
		return msg_fail(EXIT_FAILED, "cannot read the mount table: %s",
				msg_error(err));
	if (name != NULL)
		code = target_find(&one, m, name);
	if (code == EXIT_DONE)
		code = status_print(m, one, c->json);
	mounts_free(m);
	return code;
}
