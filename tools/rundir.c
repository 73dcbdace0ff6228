/* SPDX-License-Identifier: MIT */
#include "rundir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is path a folder of uid's that only uid can enter? */
static bool is_fit(const char *path, uid_t uid)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == uid && (st.st_mode & 077) == 0;
}

bool rundir_get(char path[static PATH_MAX], unsigned n, uid_t uid, bool make)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	int len = -1;

	switch (n) {
	case 0:
		if (xdg != NULL && xdg[0] == '/')
			len = snprintf(path, PATH_MAX, "%s/tazpod", xdg);
		break;
	case 1:
		len = snprintf(path, PATH_MAX, "/run/user/%u/tazpod", uid);
		break;
	case 2:
		if (uid == 0)
			len = snprintf(path, PATH_MAX, "/run/tazpod");
		break;
	case 3:
		len = snprintf(path, PATH_MAX, "/tmp/tazpod-%u", uid);
		break;
	default:
		break;
	}
	if (len < 0 || len >= PATH_MAX)
		return false;
	if (make)
		(void)mkdir(path, 0700); /* what is there is judged below */
	return is_fit(path, uid);
}
