/* SPDX-License-Identifier: MIT */
#include "project.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool project_path(char ret[static PATH_MAX], const char *dir, const char *name)
{
	return snprintf(ret, PATH_MAX, "%s/" PROJECT_FOLDER "%s%s", dir,
			name[0] != '\0' ? "/" : "", name) < PATH_MAX;
}

bool project_find(char dir[static PATH_MAX])
{
	char probe[PATH_MAX];
	struct stat st;

	if (getcwd(dir, PATH_MAX) == NULL)
		return false;
	for (;;) {
		char *slash = strrchr(dir, '/');

		if (project_path(probe, dir, "") && stat(probe, &st) == 0)
			break;
		if (slash == NULL || dir[0] == '\0')
			return false;
		*slash = '\0';
	}
	if (dir[0] == '\0')
		(void)snprintf(dir, PATH_MAX, "/");
	return true;
}

bool project_vault(char ret[static PATH_MAX])
{
	char dir[PATH_MAX];

	return project_find(dir) &&
	       project_path(ret, dir, "vault/vault.tar.aes");
}
