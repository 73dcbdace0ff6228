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

/* Make path and all above it; what is there is judged by the caller. */
static int make_all(char *path)
{
	for (char *p = path + 1;; p++) {
		const char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST) {
			int err = -errno;
			struct stat st;

			/* A read-only filesystem tells of itself even where the
			 * folder is there. */
			if (stat(path, &st) != 0) {
				*p = c;
				return err;
			}
		}
		*p = c;
		if (c == '\0')
			return 0;
	}
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
