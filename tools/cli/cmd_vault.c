/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "crypto/crypto.h"
#include "crypto/mem.h"
#include "join.h"
#include "status.h"
#include "target.h"
#include "tell.h"
#include "tools/control/control.h"
#include "tools/mounts/mounts.h"
#include "tools/mounts/stale.h"
#include "tools/vault/openvault.h"

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
	    append_option(&list, "passcmd=", c->passcmd) != 0 ||
	    append_option(&list, "backend=", c->backend) != 0) {
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

enum exit_code cmd_save(const struct command_line *c)
{
	const struct mounted *target = NULL;
	struct mounted *m = NULL;
	enum exit_code code = tell_find(&target, &m, c);

	if (code == EXIT_DONE)
		code = tell_failure(tell_daemon(target, "save"), target,
				    "save");
	if (code == EXIT_DONE && !c->quiet)
		(void)printf("%s: saved\n", target->vault);
	mounts_free(m);
	return code;
}

enum exit_code cmd_status(const struct command_line *c)
{
	const char *name = tell_name(c);
	const struct mounted *one = NULL;
	struct mounted *m = NULL;
	enum exit_code code = EXIT_DONE;
	int err = join_mounts(&m, name);

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
