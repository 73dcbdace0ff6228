/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "home.h"
#include "target.h"
#include "unlock.h"

#include <stdio.h>
#include <stdlib.h>

/* It is unlocked already, which is good news. */
static void say_where(const struct unlock *u, const struct unlocked *found)
{
	(void)printf("%s: unlocked already at %s%s\n", u->vault,
		     found->mount->dir,
		     found->lease_only
			     ? ", until the last 'tazpod run' or 'shell' ends"
			     : "");
}

/* Unlock it, if it is not, and have what the project wants in the home. */
static enum exit_code unlock(struct unlock *u, const struct command_line *c,
			     const struct home *home)
{
	const struct child_program plain = {0};
	const struct home_user self = {0};
	struct unlocked found = {.pidfd = -1};
	enum exit_code code = unlock_find(&found, u);

	if (code == EXIT_DONE && found.mount != NULL) {
		if (!c->quiet)
			say_where(u, &found);
	} else if (code == EXIT_DONE) {
		unlock_forget(&found);
		code = unlock_run(u, &plain);
		if (code == EXIT_DONE)
			code = unlock_find(&found, u);
		if (code == EXIT_DONE && found.mount != NULL)
			home_start(home, &found, &self);
	}
	unlock_forget(&found);
	return code;
}

enum exit_code cmd_unlock(const struct command_line *c)
{
	char buf[PATH_MAX], *options = NULL;
	const char *vault = command_argument(c, 0, c->vault);
	struct unlock u = {.dir = command_argument(c, 1, c->mount)};
	struct home home;
	enum exit_code code = target_vault(&u.vault, vault, buf);

	if (code != EXIT_DONE)
		return code;
	code = home_read(&home, vault);
	u.wanted = home.mount;
	u.options = options = command_options(c);
	if (code == EXIT_DONE && options == NULL)
		code = msg_fail(EXIT_FAILED, "out of memory");
	if (code == EXIT_DONE) {
		unlock_begin(&u);
		code = unlock(&u, c, &home);
		unlock_end(&u);
	}
	home_free(&home);
	free(options);
	return code;
}
