/* SPDX-License-Identifier: MIT */
#ifndef TZ_POD_H
#define TZ_POD_H

/*
 * A project's pod: a container in which the project is /workspace, and which
 * may do no more than its config grants.  Process 1 in it waits (tazpod
 * entrypoint --wait); what is to be done is done by the engine's exec.
 */

#include "engine.h"
#include "tools/project/config.h"

#include <limits.h>
#include <stdbool.h>

#define POD_WORKSPACE "/workspace"

struct pod {
	struct engine engine;
	struct config config;
	char dir[PATH_MAX]; /* of the project */
	const char *name;   /* of the container */
	const char *user;   /* who one is in it */
};

/*
 * The pod of the project that the working folder belongs to, whether it is
 * there or not.  The caller ends *ret with pod_close(), whatever is returned.
 * EXIT_DONE, EXIT_USAGE if there is no project, or its config is wrong, or
 * this is a pod, or EXIT_FAILED without an engine; which has been said.
 */
enum exit_code pod_open(struct pod *ret);
void pod_close(struct pod *p);

/*
 * Is it there?  EXIT_DONE, or EXIT_FAILED, which has been said, if the engine
 * does not tell, or another project's has that name.
 */
enum exit_code pod_look(enum pod_state *ret, const struct pod *p);

/*
 * Make it, or start it if it has been stopped.  EXIT_DONE, also if it runs
 * already, which *was_up says; else what is wrong has been said.
 */
enum exit_code pod_up(struct pod *p, bool *was_up);

/*
 * The beginning of the arguments with which the engine runs something in the
 * pod as user, which is p->user or "0": with nothing to read.
 */
struct args pod_exec(const struct pod *p, const char *user);

/*
 * The same as p->user, with this process's standard input and its terminal, in
 * the same folder of the project, and with setting, "NAME=VALUE", in its
 * environment.
 */
struct args pod_exec_here(const struct pod *p, const char *setting);

/* Stop it, and remove it.  EXIT_DONE or EXIT_FAILED, which has been said. */
enum exit_code pod_remove(const struct pod *p);

/*
 * Put the programs beside this one into the running pod, in the place of its
 * own, if they run there.  EXIT_DONE or EXIT_FAILED, which has been said.
 */
enum exit_code pod_inject(const struct pod *p);

#endif
