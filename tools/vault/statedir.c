/* SPDX-License-Identifier: MIT */
#include "statedir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where it would be.  0, -ENOENT or -ENAMETOOLONG. */
static int name_it(char path[static PATH_MAX], const char *sub)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const char *slash = sub != NULL ? "/" : "";
	int len;

	if (sub == NULL)
		sub = "";
	if (xdg != NULL && xdg[0] == '/')
		len = snprintf(path, PATH_MAX, "%s/tazpod%s%s", xdg, slash,
			       sub);
	else if (geteuid() == 0)
		len = snprintf(path, PATH_MAX, "/var/lib/tazpod%s%s", slash,
			       sub);
	else if (home != NULL && home[0] == '/')
		len = snprintf(path, PATH_MAX, "%s/.local/state/tazpod%s%s",
			       home, slash, sub);
	else
		return -ENOENT;
	return len > 0 && len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Make one folder, unless it is there. */
static int make_one(const char *path)
{
	struct stat st;
	int err = mkdir(path, 0700) == 0 ? 0 : -errno;

	/* A read-only filesystem tells of itself even where it is there. */
	return err == 0 || stat(path, &st) == 0 ? 0 : err;
}

/* Make path and all above it; what is there is judged by the caller. */
static int make_all(char *path)
{
	int err = 0;

	for (char *p = strchr(path + 1, '/'); err == 0 && p != NULL;
	     p = strchr(p + 1, '/')) {
		*p = '\0';
		err = make_one(path);
		*p = '/';
	}
	return err == 0 ? make_one(path) : err;
}

/* 0 if path is a folder of ours that only we can enter. */
static int check(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return -errno;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
			       (st.st_mode & 077) == 0
		       ? 0
		       : -EPERM;
}

int statedir_get(char path[static PATH_MAX], const char *sub, bool make)
{
	char own[PATH_MAX];
	int err = name_it(own, NULL);

	if (err == 0)
		err = name_it(path, sub);
	if (err == 0 && make)
		err = make_all(path);
	/* Nobody else may put a folder of the right name there. */
	if (err == 0)
		err = check(own);
	if (err == 0 && sub != NULL)
		err = check(path);
	return err;
}

bool statedir_holds(const char *path, const char *sub)
{
	char dir[PATH_MAX], *real;
	const char *slash = strrchr(path, '/');
	bool holds;

	if (slash == NULL || statedir_get(dir, sub, false) != 0)
		return false;
	real = realpath(dir, NULL);
	holds = real != NULL && strlen(real) == (size_t)(slash - path) &&
		strncmp(path, real, strlen(real)) == 0;
	free(real);
	return holds;
}
