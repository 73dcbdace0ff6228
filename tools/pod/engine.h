/* SPDX-License-Identifier: MIT */
#ifndef TZ_ENGINE_H
#define TZ_ENGINE_H

/*
 * A container engine, docker(1) or podman(1), by its command line, which is the
 * same in both for all that is used here.  What it has to say, on standard
 * error, the user sees.
 */

#include "args.h"
#include "tools/msg.h"

#include <stdbool.h>

struct engine {
	const char *name; /* "podman" or "docker" */
	bool is_rootless; /* containers have this user's rights at most */
};

/*
 * The engine called wanted, or, with NULL, the one there is: podman if there
 * are both, since it needs no daemon.  EXIT_DONE, or EXIT_FAILED, which has
 * been said.
 */
enum exit_code engine_find(struct engine *ret, const char *wanted);

/* The same, but silent: false if there is none. */
bool engine_is_there(struct engine *ret, const char *wanted);

/* What becomes of a command of the engine's. */
enum engine_result {
	ENGINE_DONE,	/* its exit status is 0 */
	ENGINE_REFUSED, /* it is another */
	ENGINE_MISSING	/* it cannot be run, or was killed */
};

/*
 * Run the engine with a, whose first word is the engine's name, and wait for
 * its end; *status, unless NULL, is its exit status.  a is released.
 */
enum engine_result engine_run(struct args *a, int *status);

/*
 * The same, with what it prints in *ret, which the caller frees, and which is
 * NULL unless it was done.
 */
enum engine_result engine_read(char **ret, struct args *a);

/* The beginning of the arguments for a command of e's. */
struct args engine_command(const struct engine *e, const char *command);

enum pod_state {
	POD_UNKNOWN, /* the engine does not say, which it has told the user */
	POD_ABSENT,
	POD_STOPPED, /* or in any other state in which nothing runs */
	POD_RUNNING
};

/*
 * The state of the container with that name.  If there is one, *label is the
 * value of its label called key, "" if it has none; the caller frees it.
 */
enum pod_state engine_pod_state(char **label, const struct engine *e,
				const char *name, const char *key);

/*
 * The names of all containers, a line each, which the caller frees; NULL if
 * they cannot be had, of which nothing is said if is_silent.
 */
char *engine_pod_names(const struct engine *e, bool is_silent);

/* Is name one of these?  NULL has none. */
bool engine_has_pod(const char *names, const char *name);

#endif
