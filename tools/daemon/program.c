/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[PATH_MAX]; /* "": not known */
static struct stat own;

void program_remember(void)
{
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	if (stat("/proc/self/exe", &own) != 0)
		path[0] = '\0';
}

bool program_is_replaced(void)
{
	struct stat now;

	if (path[0] == '\0')
		return false;
	return stat(path, &now) != 0 || now.st_ino != own.st_ino ||
	       now.st_dev != own.st_dev;
}
