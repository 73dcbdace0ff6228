/* SPDX-License-Identifier: MIT */
#ifndef TZ_COMMANDS_H
#define TZ_COMMANDS_H

/* The commands of tazpod(1).  Each gets its own options and arguments. */

#include "tools/msg.h"

#include <stdbool.h>

/* What the options that commands share have set. */
struct command_line {
	const char *vault, *mount;		 /* --vault, --mount, or NULL */
	const char *passfile, *passfd, *passcmd; /* or NULL */
	const char *backend;			 /* --backend, or NULL */
	const char *options;			 /* -o, or NULL */
	const char *generation;			 /* --generation, or NULL */
	const char *user, *grace;		 /* --user, --grace, or NULL */
	bool json, kill, discard, quiet, is_private, wait, all;
	int argc; /* what is left */
	char **argv;
};

/*
 * All that c says of a mount as one list for options_parse(), malloc'd; NULL
 * without memory.
 */
char *command_options(const struct command_line *c);

/* The nth argument, or what an option says instead, or NULL. */
const char *command_argument(const struct command_line *c, int n,
			     const char *option);

enum exit_code cmd_init(const struct command_line *c);
enum exit_code cmd_up(const struct command_line *c);
enum exit_code cmd_enter(const struct command_line *c);
enum exit_code cmd_down(const struct command_line *c);
enum exit_code cmd_inject(const struct command_line *c);
enum exit_code cmd_create(const struct command_line *c);
enum exit_code cmd_unlock(const struct command_line *c);
enum exit_code cmd_run(const struct command_line *c);
enum exit_code cmd_shell(const struct command_line *c);
enum exit_code cmd_entrypoint(const struct command_line *c);
enum exit_code cmd_lock(const struct command_line *c);
enum exit_code cmd_save(const struct command_line *c);
enum exit_code cmd_history(const struct command_line *c);
enum exit_code cmd_restore(const struct command_line *c);
enum exit_code cmd_status(const struct command_line *c);
enum exit_code cmd_doctor(const struct command_line *c);
enum exit_code cmd_cat(const struct command_line *c);

#endif
