/* SPDX-License-Identifier: MIT */
/* tazpod(1): the command line. */
#include "tools/cli/commands.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options by the letters that a command's row names. */
static const struct option long_options[] = {
	{"vault", required_argument, NULL, 'v'},
	{"mount", required_argument, NULL, 'm'},
	{"passfile", required_argument, NULL, 'p'},
	{"passfd", required_argument, NULL, 'd'},
	{"passcmd", required_argument, NULL, 'c'},
	{"backend", required_argument, NULL, 'b'},
	{"options", required_argument, NULL, 'o'},
	{"private", no_argument, NULL, 'P'},
	{"user", required_argument, NULL, 'u'},
	{"grace", required_argument, NULL, 'G'},
	{"generation", required_argument, NULL, 'g'},
	{"wait", no_argument, NULL, 'w'},
	{"all", no_argument, NULL, 'a'},
	{"kill", no_argument, NULL, 'k'},
	{"discard", no_argument, NULL, 'D'},
	{"json", no_argument, NULL, 'j'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

enum { ANY = INT_MAX }; /* arguments, of another command's: not ours */

static const struct command {
	const char *name, *args, *help;
	const char *letters; /* the options that make sense */
	int max_args;
	enum exit_code (*run)(const struct command_line *c);
} commands[] = {
	{"init", "", "make a project of this folder", "qh", 0, cmd_init},
	{"up", "", "start the project's pod", "qh", 0, cmd_up},
	{"enter", "[[--] COMMAND...]", "open a shell in the pod", "vmpdcboPGqh",
	 ANY, cmd_enter},
	{"ssh", "[[--] COMMAND...]", "the same", "vmpdcboPGqh", ANY, cmd_enter},
	{"down", "", "save, lock, and end the pod", "kDqh", 0, cmd_down},
	{"inject", "", "put the programs of this machine into the pod", "qh", 0,
	 cmd_inject},
	{"create", "[VAULT]", "make a new, empty vault", "vpdcqh", 1,
	 cmd_create},
	{"unlock", "[VAULT [DIR]]", "mount a vault", "vmpdcboqh", 2,
	 cmd_unlock},
	{"run", "[--] COMMAND...", "run a command with a vault unlocked",
	 "vmpdcboPGqh", ANY, cmd_run},
	{"shell", "", "start a shell with a vault unlocked", "vmpdcboPGqh", 0,
	 cmd_shell},
	{"entrypoint", "[--] [COMMAND...]", "run a container's command so",
	 "vmpdcboPuGwqh", ANY, cmd_entrypoint},
	{"lock", "[DIR|VAULT]", "save a vault and end its mount", "vmakDqh", 1,
	 cmd_lock},
	{"save", "[DIR|VAULT]", "seal the vault now", "vmqh", 1, cmd_save},
	{"status", "[DIR|VAULT]", "show what is mounted", "vmjh", 1,
	 cmd_status},
	{"doctor", "", "show what this machine can do for a vault", "bjh", 0,
	 cmd_doctor},
	{"history", "[VAULT]", "list the older vaults that are kept", "vjh", 1,
	 cmd_history},
	{"restore", "N|FILE [VAULT]", "put an older vault in its place", "vqh",
	 2, cmd_restore},
	{"cat", "PATH [VAULT]", "print a file of a vault, without a mount",
	 "vgpdcoh", 2, cmd_cat},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *out)
{
	(void)fputs("usage: tazpod COMMAND [OPTIONS] [ARGUMENTS]\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %-10s %-17s %s\n", commands[i].name,
			      commands[i].args, commands[i].help);
	(void)fputs("\n'tazpod COMMAND --help' shows a command's options; "
		    "tazpod(1) explains them.\n",
		    out);
}

static void print_command(FILE *out, const struct command *c)
{
	(void)fprintf(out, "usage: tazpod %s [OPTIONS] %s\n%s\n\n", c->name,
		      c->args, c->help);
	for (const struct option *o = long_options; o->name != NULL; o++) {
		if (strchr(c->letters, o->val) == NULL)
			continue;
		(void)fprintf(out, "  %s--%s%s\n",
			      o->val == 'o'   ? "-o, "
			      : o->val == 'q' ? "-q, "
			      : o->val == 'h' ? "-h, "
					      : "    ",
			      o->name,
			      o->has_arg != no_argument ? " VALUE" : "");
	}
}

/* Store option letter into c.  False: it is not one of this command. */
static bool set_option(struct command_line *c, int letter)
{
	const char **const values[] = {
		&c->vault,   &c->mount,	  &c->passfile,	  &c->passfd,
		&c->passcmd, &c->options, &c->generation, &c->backend,
		&c->user,    &c->grace};
	static const char letters[] = "vmpdcogbuG";
	const char *at = strchr(letters, letter);

	if (letter == 'j')
		c->json = true;
	else if (letter == 'w')
		c->wait = true;
	else if (letter == 'a')
		c->all = true;
	else if (letter == 'k')
		c->kill = true;
	else if (letter == 'D')
		c->discard = true;
	else if (letter == 'P')
		c->is_private = true;
	else if (letter == 'q')
		c->quiet = true;
	else if (at != NULL)
		*values[at - letters] = optarg;
	else
		return false;
	return true;
}

static enum exit_code run(const struct command *cmd, int argc, char *argv[])
{
	/* With '+' it ends at the first argument. */
	const char *letters = cmd->max_args == ANY ? "+o:qh" : "o:qh";
	struct command_line c = {0};
	int letter;

	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, long_options,
				     NULL)) != -1) {
		if (letter == 'h') {
			print_command(stdout, cmd);
			return EXIT_DONE;
		}
		if (letter == '?' || strchr(cmd->letters, letter) == NULL ||
		    !set_option(&c, letter))
			return msg_fail(EXIT_USAGE,
					"%s: option '%s' is unknown here or "
					"lacks its value; see 'tazpod %s "
					"--help'",
					cmd->name, argv[optind - 1], cmd->name);
	}
	c.argc = argc - optind;
	c.argv = argv + optind;
	if (c.argc > cmd->max_args)
		return msg_fail(EXIT_USAGE,
				"%s: too many arguments; see 'tazpod %s "
				"--help'",
				cmd->name, cmd->name);
	return cmd->run(&c);
}

int main(int argc, char *argv[])
{
	msg_program("tazpod");
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("tazpod " TZ_VERSION);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return (int)run(&commands[i], argc - 1, argv + 1);
	return (int)msg_fail(EXIT_USAGE, "no command '%s'; see 'tazpod --help'",
			     argv[1]);
}
