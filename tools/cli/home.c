/* SPDX-License-Identifier: MIT */
#include "home.h"

#include "target.h"
#include "tools/machine/caps.h"
#include "tools/project/bridges.h"
#include "tools/project/memory.h"
#include "tools/project/project.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the process that sees to the bridges has open. */
enum { DAEMON = STDERR_FILENO + 1, READY, FREE, APART = 16 };

static const char *home_folder(void)
{
	const char *home = getenv("HOME");

	return home != NULL && home[0] == '/' ? home : NULL;
}

/* Where the config wants it: "~" is the home. */
static bool choose_mount(char ret[static PATH_MAX], const char *wanted)
{
	const char *home = home_folder();

	if (wanted == NULL)
		return true;
	if (strncmp(wanted, "~/", 2) == 0)
		return home != NULL && snprintf(ret, PATH_MAX, "%s/%s", home,
						wanted + 2) < PATH_MAX;
	return snprintf(ret, PATH_MAX, "%s", wanted) < PATH_MAX;
}

enum exit_code home_read(struct home *ret, const char *vault)
{
	char path[PATH_MAX];
	enum exit_code code;

	*ret = (struct home){0};
	config_init(&ret->config);
	ret->is_project = vault == NULL && project_find(ret->dir);
	if (!ret->is_project)
		return EXIT_DONE;
	if (!project_path(path, ret->dir, "config.yaml"))
		return msg_fail(EXIT_FAILED, "%s: its path is too long",
				ret->dir);
	code = config_read(&ret->config, path);
	if (code == EXIT_DONE && !choose_mount(ret->mount, ret->config.mount))
		code = msg_fail(EXIT_USAGE,
				"%s: 'mount: %s' cannot be had: its path is "
				"too long, or HOME is not set",
				path, ret->config.mount);
	return code;
}

void home_free(struct home *h)
{
	config_free(&h->config);
}

/* Make what outlives the vault. */
static void link_memory(const struct home *h)
{
	char path[PATH_MAX];

	if (project_path(path, h->dir, ""))
		memory_link(path, home_folder(), h->config.memory);
}

/* Leave everything behind that belongs to who started this. */
static void settle(int daemon, int ready)
{
	sigset_t all;

	(void)prctl(PR_SET_NAME, "tazpod-bridges");
	/* It ends with the daemon, and not before. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)!chdir("/");
	/* Either may have the number that the other is to get. */
	daemon = fcntl(daemon, F_DUPFD_CLOEXEC, APART);
	ready = fcntl(ready, F_DUPFD_CLOEXEC, APART);
	(void)dup3(daemon, DAEMON, O_CLOEXEC);
	(void)dup3(ready, READY, O_CLOEXEC);
	closefrom(FREE);
}

/* Be the process that sees to the bridges. */
static _Noreturn void see_to(const struct home *h, const char *mount)
{
	const struct bridges_place place = {
		.home = home_folder(),
		.mount = mount,
		.names = h->config.bridges,
		.may_mount = caps_have(CAP_SYS_ADMIN),
	};
	struct pollfd p = {.fd = DAEMON, .events = POLLIN};
	struct bridges *b = NULL;
	int null;

	link_memory(h);
	if (h->config.bridges[0] != NULL)
		(void)bridges_put(&b, &place);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	(void)close(READY);
	while (b != NULL && poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	bridges_remove(b);
	_exit(EXIT_SUCCESS);
}

void home_start(const struct home *h, const struct unlocked *at,
		const struct home_user *user)
{
	int ends[2], err = 0;
	pid_t child;
	char byte;

	if (!h->is_project ||
	    (h->config.bridges[0] == NULL && h->config.memory[0] == NULL))
		return;
	if (home_folder() == NULL || at->pidfd < 0 ||
	    pipe2(ends, O_CLOEXEC) != 0) {
		msg_say("%s: no bridges: %s", at->mount->vault,
			home_folder() == NULL ? "HOME is not set"
			: at->pidfd < 0	      ? "its daemon is out of sight"
					      : strerror(errno));
		return;
	}
	child = fork();
	if (child == 0) {
		settle(at->pidfd, ends[1]);
		if (user->become != NULL)
			err = user->become(user->ctx);
		if (err == 0)
			see_to(h, at->mount->dir);
		_exit(EXIT_FAILURE);
	}
	(void)close(ends[1]);
	if (child > 0)
		while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
			;
	else
		msg_say("%s: no bridges: %s", at->mount->vault,
			strerror(errno));
	(void)close(ends[0]);
}

void home_mend(const struct home *h, const char *mount)
{
	char usual[PATH_MAX];
	struct bridges_place place = {.home = home_folder(),
				      .mount = mount,
				      .names = h->config.bridges};

	if (!h->is_project || place.home == NULL ||
	    h->config.bridges[0] == NULL)
		return;
	if (mount == NULL && h->mount[0] != '\0')
		place.mount = h->mount;
	else if (mount == NULL && target_default_dir(usual))
		place.mount = usual;
	if (place.mount != NULL)
		bridges_mend(&place);
}
