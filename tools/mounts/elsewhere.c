/* SPDX-License-Identifier: MIT */
#include "elsewhere.h"

#include "tools/control/control_impl.h"
#include "tools/rundir.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { SECONDS_MAX = 1 }; /* for one that does not answer */

/* The device number that a socket has its name from. */
static bool parse_name(dev_t *ret, const char *name)
{
	unsigned major_number, minor_number;
	char again[CONTROL_NAME_MAX];

	if (sscanf(name, "%u:%u", &major_number, &minor_number) != 2)
		return false;
	*ret = makedev(major_number, minor_number);
	control_name(again, *ret);
	return strcmp(again, name) == 0;
}

/* The daemon behind that socket if it serves path, else 0. */
static pid_t ask(dev_t dev, const char *path)
{
	struct control_answer answer = {0};
	char vault[PATH_MAX];
	pid_t pid = 0;

	if (control_ask_for(&answer, geteuid(), dev, "status", SECONDS_MAX) !=
	    0)
		return 0;
	control_text(vault, sizeof(vault), answer.body, "vault");
	if (strcmp(vault, path) == 0)
		pid = (pid_t)control_number(answer.body, "pid");
	free(answer.body);
	return pid;
}

/* The same, of all sockets in dir. */
static pid_t ask_all(const char *dir, const char *path)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	pid_t pid = 0;
	dev_t dev;

	if (d == NULL)
		return 0;
	while (pid == 0 && (e = readdir(d)) != NULL)
		if (parse_name(&dev, e->d_name))
			pid = ask(dev, path);
	(void)closedir(d);
	return pid;
}

pid_t elsewhere_serves(const char *path)
{
	char dir[PATH_MAX], *real = realpath(path, NULL);
	pid_t pid = 0;

	for (unsigned n = 0; real != NULL && n < RUNDIR_COUNT && pid == 0; n++)
		if (rundir_get(dir, n, geteuid(), false))
			pid = ask_all(dir, real);
	free(real);
	return pid;
}
