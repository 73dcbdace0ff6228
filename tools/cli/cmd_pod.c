/* SPDX-License-Identifier: MIT */
/* The commands for a project's pod. */
#include "commands.h"

#include "session.h"
#include "tools/pod/pod.h"

#include <stdio.h>
#include <stdlib.h>

enum exit_code cmd_up(const struct command_line *c)
{
	struct pod p;
	bool was_up;
	enum exit_code code = pod_open(&p);

	if (code == EXIT_DONE)
		code = pod_up(&p, &was_up);
	if (code == EXIT_DONE && !c->quiet)
		(void)printf("%s: is up%s\n", p.name,
			     was_up ? " already"
				    : "; 'tazpod enter' opens a "
				      "shell in it");
	pod_close(&p);
	return code;
}

/* Give tazpod in the pod the options that this one was given. */
static void pass_on(struct args *a, const struct command_line *c)
{
	const struct {
		const char *name, *value;
	} options[] = {
		{"--vault", c->vault},	     {"--mount", c->mount},
		{"--passfile", c->passfile}, {"--passcmd", c->passcmd},
		{"--passfd", c->passfd},     {"--backend", c->backend},
		{"--options", c->options},   {"--grace", c->grace},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].value != NULL)
			args_format(a, "%s=%s", options[i].name,
				    options[i].value);
	if (c->is_private)
		args_add(a, "--private");
	if (c->quiet)
		args_add(a, "--quiet");
}

static enum exit_code enter(const struct pod *p, const struct command_line *c)
{
	struct args a = {0};

	args_add(&a, c->argc > 0 ? "run" : "shell");
	pass_on(&a, c);
	if (c->argc > 0) {
		args_add(&a, "--");
		args_add_all(&a, c->argv);
	}
	return session_run(p, &a);
}

enum exit_code cmd_enter(const struct command_line *c)
{
	struct pod p;
	bool was_up;
	enum exit_code code;

	/* One is there already. */
	if (getenv(CONFIG_POD_VARIABLE) != NULL)
		return c->argc > 0 ? cmd_run(c) : cmd_shell(c);
	code = pod_open(&p);
	if (code == EXIT_DONE)
		code = pod_up(&p, &was_up);
	if (code == EXIT_DONE && !was_up && !c->quiet)
		msg_say("%s: is up", p.name);
	if (code == EXIT_DONE)
		code = enter(&p, c);
	pod_close(&p);
	return code;
}

/* Have what is unlocked in there saved and locked, or leave all as it is. */
static enum exit_code lock_in(const struct pod *p, const struct command_line *c)
{
	struct args a = pod_exec(p, p->user);

	args_add(&a, "tazpod");
	args_add(&a, "lock");
	args_add(&a, "--all");
	if (c->kill)
		args_add(&a, "--kill");
	if (c->discard)
		args_add(&a, "--discard");
	if (c->quiet)
		args_add(&a, "--quiet");
	if (engine_run(&a, NULL) == ENGINE_DONE)
		return EXIT_DONE;
	return msg_fail(EXIT_FAILED,
			"%s: its vault could not be locked, as said above; the "
			"pod still runs; 'tazpod down --kill' ends what keeps "
			"files open, --discard gives up what is not saved",
			p->name);
}

enum exit_code cmd_down(const struct command_line *c)
{
	enum pod_state state = POD_UNKNOWN;
	struct pod p;
	enum exit_code code = pod_open(&p);

	if (code == EXIT_DONE)
		code = pod_look(&state, &p);
	if (code == EXIT_DONE && state == POD_RUNNING)
		code = lock_in(&p, c);
	if (code == EXIT_DONE && state != POD_ABSENT)
		code = pod_remove(&p);
	if (code == EXIT_DONE && !c->quiet)
		(void)printf("%s: is down%s\n", p.name,
			     state == POD_ABSENT ? " already" : "");
	pod_close(&p);
	return code;
}

enum exit_code cmd_inject(const struct command_line *c)
{
	enum pod_state state = POD_UNKNOWN;
	struct pod p;
	enum exit_code code = pod_open(&p);

	if (code == EXIT_DONE)
		code = pod_look(&state, &p);
	if (code == EXIT_DONE && state != POD_RUNNING)
		code = msg_fail(EXIT_FAILED,
				"%s: is not up; 'tazpod up' starts it", p.name);
	if (code == EXIT_DONE)
		code = pod_inject(&p);
	if (code == EXIT_DONE && !c->quiet)
		(void)printf("%s: has the programs of this machine now; what "
			     "is unlocked there takes them when it is unlocked "
			     "the next time\n",
			     p.name);
	pod_close(&p);
	return code;
}
