/* SPDX-License-Identifier: MIT */
#include "pod.h"

#include "tools/machine/caps.h"
#include "tools/project/project.h"

#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Memory that may be locked in a pod: a full vault of the default size, what it
 * takes to seal it, and as much again for others. */
static const uint64_t memlock_wanted = 256 << 20;

/* Whose it is: that project's folder. */
static const char label[] = "tazpod.project";

/* Where the image has what fits a new pod to its project (tools/image/). */
static const char setup[] = "/usr/local/libexec/tazpod/pod-setup";

enum {
	STOP_SECONDS = 60, /* for what has to be saved */
	POD_UID = 1000,	   /* of the image's user */
};

/*
 * Root's own project can be written by nobody but root, in there as well.  In a
 * rootless pod whoever started it is the image's user.
 */
static void choose_user(struct pod *p)
{
	struct stat st;

	p->user = p->config.user;
	if (strcmp(p->user, "tazpod") == 0 && !p->engine.is_rootless &&
	    stat(p->dir, &st) == 0 && st.st_uid == 0)
		p->user = "0";
}

/* What the config says of the pod. */
static enum exit_code configure(struct pod *p)
{
	char path[PATH_MAX];
	enum exit_code code;

	if (!project_path(path, p->dir, "config.yaml"))
		return msg_fail(EXIT_FAILED, "%s: its path is too long",
				p->dir);
	code = config_read(&p->config, path);
	if (code != EXIT_DONE)
		return code;
	if (p->config.container_name == NULL)
		return msg_fail(EXIT_USAGE,
				"%s: no 'container_name'; 'tazpod init' in a "
				"new project makes one that is unique",
				path);
	p->name = p->config.container_name;
	config_say_unused(&p->config, path);
	return engine_find(&p->engine, p->config.engine);
}

enum exit_code pod_open(struct pod *ret)
{
	const char *inside = getenv(CONFIG_POD_VARIABLE);
	enum exit_code code;

	*ret = (struct pod){0};
	config_init(&ret->config);
	if (inside != NULL)
		return msg_fail(EXIT_USAGE,
				"this is the pod %s already; pods are for the "
				"machine outside of it",
				inside);
	if (!project_find(ret->dir))
		return msg_fail(EXIT_USAGE,
				"no .tazpod folder here or above; 'tazpod "
				"init' makes a project of this folder");
	code = configure(ret);
	if (code == EXIT_DONE)
		choose_user(ret);
	return code;
}

void pod_close(struct pod *p)
{
	config_free(&p->config);
}

/*
 * How much memory may be locked in there.  podman cannot give more than whoever
 * starts it has, and any limit that is named has root's podman raise others:
 * then it is better left at what this process has.
 */
static void add_memlock(struct args *a, const struct pod *p)
{
	const bool is_podman = strcmp(p->engine.name, "podman") == 0;
	struct rlimit own;

	if (is_podman && p->engine.is_rootless &&
	    (getrlimit(RLIMIT_MEMLOCK, &own) != 0 ||
	     own.rlim_max < memlock_wanted))
		return;
	if (is_podman && !p->engine.is_rootless &&
	    !(caps_have(CAP_SYS_RESOURCE) && caps_are_global()))
		return;
	args_format(a, "--ulimit=memlock=%llu:%llu",
		    (unsigned long long)memlock_wanted,
		    (unsigned long long)memlock_wanted);
}

/* --mount takes a line of a CSV file, where a quote within quotes is doubled.
 */
static void add_workspace(struct args *a, const char *dir)
{
	char quoted[2 * PATH_MAX], *to = quoted;

	for (const char *from = dir; *from != '\0'; *to++ = *from++)
		if (*from == '"')
			*to++ = '"';
	*to = '\0';
	args_format(a, "--mount=type=bind,\"source=%s\",target=" POD_WORKSPACE,
		    quoted);
	args_add(a, "--workdir=" POD_WORKSPACE);
}

/* What it may do beyond what every container may. */
static void add_grants(struct args *a, const struct pod *p)
{
	const unsigned grant = p->config.grant;
	const bool is_docker = strcmp(p->engine.name, "docker") == 0;

	if (grant & CONFIG_GRANT_FUSE)
		args_add(a, "--device=/dev/fuse");
	if (grant & CONFIG_GRANT_SYS_ADMIN)
		args_add(a, "--cap-add=SYS_ADMIN");
	if (grant & CONFIG_GRANT_IPC_LOCK)
		args_add(a, "--cap-add=IPC_LOCK");
	/* docker's own profile lets nobody mount, also where it would be
	 * harmless; podman's does. */
	if (is_docker && (grant & CONFIG_GRANT_USERNS))
		args_add(a, "--security-opt=seccomp=unconfined");
	/* As AppArmor's for docker. */
	if (is_docker &&
	    (grant & (CONFIG_GRANT_USERNS | CONFIG_GRANT_SYS_ADMIN)))
		args_add(a, "--security-opt=apparmor=unconfined");
	add_memlock(a, p);
}

/* Fit a new pod to its project.  Other images need not have that. */
static void set_up(const struct pod *p)
{
	struct args a = pod_exec(p, "0");
	struct stat st;
	int status = 0;

	args_add(&a, setup);
	if (p->engine.is_rootless || stat(p->dir, &st) != 0)
		st = (struct stat){.st_uid = POD_UID, .st_gid = POD_UID};
	args_format(&a, "%u", st.st_uid);
	args_format(&a, "%u", st.st_gid);
	if (engine_run(&a, &status) != ENGINE_DONE)
		msg_say("%s: was not fitted to this project, as %s does for "
			"images made by tools/image (status %d)",
			p->name, setup, status);
}

static enum exit_code make(const struct pod *p)
{
	struct args a = engine_command(&p->engine, "run");

	args_add(&a, "--detach");
	args_format(&a, "--name=%s", p->name);
	/* What prompts show.  Not all names that engines take are host names.
	 */
	if (strlen(p->name) <= HOST_NAME_MAX - 1 && !strchr(p->name, '_'))
		args_format(&a, "--hostname=%s", p->name);
	args_format(&a, "--label=%s=%s", label, p->dir);
	args_format(&a, "--env=" CONFIG_POD_VARIABLE "=%s", p->name);
	add_workspace(&a, p->dir);
	add_grants(&a, p);
	/* So that files in the project are nobody else's. */
	if (p->engine.is_rootless)
		args_format(&a, "--userns=keep-id:uid=%d,gid=%d", POD_UID,
			    POD_UID);
	args_add(&a, "--user=0:0");
	args_add_all(&a, p->config.run_options);
	/* There is no registry of that name. */
	if (strncmp(p->config.image, "localhost/", 10) == 0)
		args_add(&a, "--pull=never");
	args_add(&a, "--entrypoint=tazpod");
	args_add(&a, p->config.image);
	args_add(&a, "entrypoint");
	args_add(&a, "--wait");
	/* It prints an id, which is of no use here. */
	char *id = NULL;
	const enum engine_result result = engine_read(&id, &a);

	free(id);
	if (result != ENGINE_DONE)
		return msg_fail(EXIT_FAILED,
				"%s: the pod could not be made from the image "
				"%s; %s has said why above%s",
				p->name, p->config.image, p->engine.name,
				strcmp(p->config.image, CONFIG_IMAGE) == 0
					? "; 'make image' in tazpod's source "
					  "makes that"
					: "");
	set_up(p);
	return EXIT_DONE;
}

static enum exit_code start(const struct pod *p)
{
	struct args a = engine_command(&p->engine, "start");
	char *name;

	args_add(&a, p->name);
	if (engine_read(&name, &a) != ENGINE_DONE)
		return msg_fail(EXIT_FAILED,
				"%s: the pod could not be started again; %s "
				"has said why above; 'tazpod down' removes it",
				p->name, p->engine.name);
	free(name);
	set_up(p);
	return EXIT_DONE;
}

enum exit_code pod_look(enum pod_state *ret, const struct pod *p)
{
	char *project = NULL;
	enum exit_code code = EXIT_DONE;

	*ret = engine_pod_state(&project, &p->engine, p->name, label);
	if (*ret == POD_UNKNOWN)
		code = msg_fail(EXIT_FAILED,
				"%s: %s does not tell whether it is there",
				p->name, p->engine.name);
	/* As after a copy of the folder, with its config. */
	else if (project != NULL && strcmp(project, p->dir) != 0)
		code = msg_fail(EXIT_FAILED,
				"%s: is not this project's pod, but that of "
				"'%s'; give this one another 'container_name' "
				"in its config, or, if the folder has moved, "
				"remove the pod with '%s rm -f %s'",
				p->name, project, p->engine.name, p->name);
	free(project);
	return code;
}

enum exit_code pod_up(struct pod *p, bool *was_up)
{
	enum pod_state state;
	enum exit_code code = pod_look(&state, p);

	*was_up = code == EXIT_DONE && state == POD_RUNNING;
	if (code != EXIT_DONE || *was_up)
		return code;
	return state == POD_STOPPED ? start(p) : make(p);
}

/*
 * Where in the project one is, as the pod has it; the project itself if this is
 * not in it.
 */
static void add_folder(struct args *a, const struct pod *p)
{
	const size_t len = strlen(p->dir);
	char *here = getcwd(NULL, 0);

	args_format(a, "--workdir=" POD_WORKSPACE "%s",
		    here != NULL && strncmp(here, p->dir, len) == 0 ? here + len
								    : "");
	free(here);
}

struct args pod_exec(const struct pod *p, const char *user)
{
	struct args a = engine_command(&p->engine, "exec");

	args_format(&a, "--user=%s", user);
	args_add(&a, "--workdir=" POD_WORKSPACE);
	args_add(&a, p->name);
	return a;
}

struct args pod_exec_here(const struct pod *p, const char *setting)
{
	struct args a = engine_command(&p->engine, "exec");

	args_add(&a, "--interactive");
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		args_add(&a, "--tty");
	if (getenv("TERM") != NULL)
		args_add(&a, "--env=TERM");
	args_format(&a, "--env=%s", setting);
	args_format(&a, "--user=%s", p->user);
	add_folder(&a, p);
	args_add(&a, p->name);
	return a;
}

enum exit_code pod_remove(const struct pod *p)
{
	struct args a = engine_command(&p->engine, "stop");
	char *name;

	/* docker has another name for the long option. */
	args_add(&a, "-t");
	args_format(&a, "%d", STOP_SECONDS);
	args_add(&a, p->name);
	if (engine_read(&name, &a) != ENGINE_DONE)
		return msg_fail(EXIT_FAILED,
				"%s: the pod could not be stopped; %s has said "
				"why above",
				p->name, p->engine.name);
	free(name);
	a = engine_command(&p->engine, "rm");
	args_add(&a, p->name);
	if (engine_read(&name, &a) != ENGINE_DONE)
		return msg_fail(EXIT_FAILED,
				"%s: the pod has been stopped, but could not "
				"be removed; %s has said why above",
				p->name, p->engine.name);
	free(name);
	return EXIT_DONE;
}
