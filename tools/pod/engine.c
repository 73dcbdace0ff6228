/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include "tools/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const engines[] = {"podman", "docker"};

/* Is there a program of that name in PATH? */
static bool has_program(const char *name)
{
	const char *path = getenv("PATH");
	char *list = strdup(path != NULL ? path : "/usr/bin:/bin");
	char *rest = list, *dir, *file = NULL;
	bool found = false;

	while (!found && (dir = strsep(&rest, ":")) != NULL) {
		if (asprintf(&file, "%s/%s", dir[0] != '\0' ? dir : ".", name) <
		    0)
			break;
		found = access(file, X_OK) == 0;
		free(file);
	}
	free(list);
	return found;
}

bool engine_is_there(struct engine *ret, const char *wanted)
{
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		const char *name = engines[i];

		if (wanted != NULL && strcmp(wanted, name) != 0)
			continue;
		if (!has_program(name))
			continue;
		ret->name = name;
		/* docker's daemon is root, whoever asks it. */
		ret->is_rootless =
			strcmp(name, "podman") == 0 && geteuid() != 0;
		return true;
	}
	return false;
}

enum exit_code engine_find(struct engine *ret, const char *wanted)
{
	if (engine_is_there(ret, wanted))
		return EXIT_DONE;
	if (wanted != NULL)
		return msg_fail(EXIT_FAILED,
				"%s: no such program in PATH; install it, or "
				"name another 'engine' in the config",
				wanted);
	return msg_fail(EXIT_FAILED,
			"neither podman nor docker is in PATH; install one, as "
			"with 'apt install podman', or use the vault without a "
			"pod: 'tazpod shell'");
}

struct args engine_command(const struct engine *e, const char *command)
{
	struct args a = {0};

	args_add(&a, e->name);
	args_add(&a, command);
	return a;
}

/* What that end of a program means: err is of running it. */
static enum engine_result judge(int err, int status, const char *name)
{
	if (err != 0)
		msg_say("%s: cannot be run: %s",
			name != NULL ? name : "the engine", msg_error(err));
	else if (WIFSIGNALED(status))
		msg_say("%s: was ended by signal %d", name, WTERMSIG(status));
	else
		return WEXITSTATUS(status) == 0 ? ENGINE_DONE : ENGINE_REFUSED;
	return ENGINE_MISSING;
}

enum engine_result engine_run(struct args *a, int *status)
{
	char **list = args_list(a);
	enum engine_result result;
	int ended = 0, err = -ENOMEM;

	if (list != NULL)
		err = run_wait(&ended, list[0], (const char *const *)list);
	result = judge(err, ended, a->text);
	if (status != NULL)
		*status = WEXITSTATUS(ended);
	args_free(a);
	return result;
}

static enum engine_result read_it(char **ret, struct args *a, bool is_silent)
{
	char **list = args_list(a), *text = NULL;
	enum engine_result result;
	int ended = 0, err = -ENOMEM;

	if (list != NULL)
		err = run_read(&ended, &text, (const char *const *)list,
			       is_silent);
	result = judge(err, ended, a->text);
	if (result != ENGINE_DONE) {
		free(text);
		text = NULL;
	}
	*ret = text;
	args_free(a);
	return result;
}

enum engine_result engine_read(char **ret, struct args *a)
{
	return read_it(ret, a, false);
}

/* Is name a line of text? */
static bool has_line(const char *text, const char *name)
{
	const size_t len = strlen(name);

	for (const char *at = text; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, len) == 0 &&
		    (at[len] == '\n' || at[len] == '\0'))
			return true;
	}
	return false;
}

enum pod_state engine_pod_state(char **label, const struct engine *e,
				const char *name, const char *key)
{
	struct args a = {0};
	char *text = engine_pod_names(e, false), *second, *end;
	enum pod_state state = POD_UNKNOWN;
	bool is_there = has_line(text, name);

	*label = NULL;
	if (text != NULL && !is_there)
		state = POD_ABSENT;
	free(text);
	if (!is_there)
		return state;
	/* What podman's ps calls its state is a text for people. */
	a = engine_command(e, "container");
	args_add(&a, "inspect");
	args_format(&a,
		    "--format={{.State.Status}}\n"
		    "{{index .Config.Labels \"%s\"}}",
		    key);
	args_add(&a, name);
	if (engine_read(&text, &a) != ENGINE_DONE || text == NULL)
		return POD_UNKNOWN;
	second = strchr(text, '\n');
	if (second != NULL) {
		*second++ = '\0';
		/* The label may have such in it, but the last is not its. */
		end = strrchr(second, '\n');
		if (end != NULL)
			*end = '\0';
		state = strcmp(text, "running") == 0 ? POD_RUNNING
						     : POD_STOPPED;
		*label = strdup(second);
	}
	free(text);
	return *label != NULL ? state : POD_UNKNOWN;
}

bool engine_has_pod(const char *names, const char *name)
{
	return has_line(names, name);
}

char *engine_pod_names(const struct engine *e, bool is_silent)
{
	struct args a = engine_command(e, "ps");
	char *text;

	args_add(&a, "--all");
	args_add(&a, "--format={{.Names}}");
	(void)read_it(&text, &a, is_silent);
	return text;
}
