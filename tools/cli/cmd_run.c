/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "leased.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum exit_code cmd_run(const struct command_line *c)
{
	const struct leased how = {.argv = (const char *const *)c->argv};

	if (c->argc == 0)
		return msg_fail(EXIT_USAGE,
				"run: no command; see 'tazpod run --help'");
	return leased_run(c, &how);
}

enum exit_code cmd_shell(const struct command_line *c)
{
	const char *shell = getenv("SHELL");
	const struct passwd *user = getpwuid(getuid());
	const char *argv[] = {shell, NULL};
	const struct leased how = {.argv = argv, .creates = true};

	if (shell == NULL || shell[0] != '/')
		argv[0] = user != NULL && user->pw_shell[0] == '/'
				  ? user->pw_shell
				  : "/bin/sh";
	return leased_run(c, &how);
}
