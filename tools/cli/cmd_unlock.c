/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "target.h"
#include "unlock.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* It is unlocked already, which is good news. */
static void say_where(const struct unlock *u, const struct unlocked *found)
{
	(void)printf("%s: unlocked already at %s%s\n", u->vault,
		     found->mount->dir,
		     found->lease_only
			     ? ", until the last 'tazpod run' or 'shell' ends"
			     : "");
}

/* Become the program that does it.  Others wait until that is done. */
static enum exit_code exec_tazpodfs(struct unlock *u)
{
	struct unlock_program p;
	enum exit_code code = unlock_prepare(&p, u);

	if (code != EXIT_DONE)
		return code;
	(void)execv(p.path, (char *const *)(uintptr_t)p.argv);
	return msg_fail(EXIT_FAILED, "%s: %s", p.path, strerror(errno));
}

enum exit_code cmd_unlock(const struct command_line *c)
{
	char buf[PATH_MAX], *options = NULL;
	struct unlock u = {.dir = command_argument(c, 1, c->mount)};
	struct unlocked found = {.pidfd = -1};
	enum exit_code code =
		target_vault(&u.vault, command_argument(c, 0, c->vault), buf);

	if (code != EXIT_DONE)
		return code;
	options = command_options(c);
	if (options == NULL)
		return msg_fail(EXIT_FAILED, "out of memory");
	u.options = options;
	unlock_begin(&u);
	code = unlock_find(&found, &u);
	if (code == EXIT_DONE && found.mount == NULL)
		code = exec_tazpodfs(&u);
	else if (code == EXIT_DONE && !c->quiet)
		say_where(&u, &found);
	unlock_end(&u);
	unlock_forget(&found);
	free(options);
	return code;
}
