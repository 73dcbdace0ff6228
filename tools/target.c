/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

bool target_project_vault(char path[static PATH_MAX])
{
	char dir[PATH_MAX], probe[PATH_MAX + 16];

	if (getcwd(dir, sizeof(dir)) == NULL)
		return false;
	for (;;) {
		char *slash = strrchr(dir, '/');

		(void)snprintf(probe, sizeof(probe), "%s/.tazpod", dir);
		if (is_there(probe))
			return snprintf(path, PATH_MAX,
					"%s/vault/vault.tar.aes",
					probe) < PATH_MAX;
		if (slash == NULL || dir[0] == '\0')
			return false;
		*slash = '\0';
	}
}

bool target_default_dir(char path[static PATH_MAX])
{
	const char *home = getenv("HOME");

	if (is_there("/home/tazpod"))
		home = "/home/tazpod";
	if (home == NULL || home[0] != '/')
		return false;
	return snprintf(path, PATH_MAX, "%s/secrets", home) < PATH_MAX;
}

/*
 * name as an absolute path, without a look at name itself if that fails: the
 * root of somebody's mount, or of a dead one, cannot be looked at.
 */
static char *resolve(const char *name)
{
	char *real = realpath(name, NULL), *dir, *slash, *full = NULL;
	const char *base;

	if (real != NULL)
		return real;
	slash = strrchr(name, '/');
	base = slash != NULL ? slash + 1 : name;
	dir = slash != NULL ? strndup(name, (size_t)(slash - name) + 1)
			    : strdup(".");
	real = dir != NULL ? realpath(dir, NULL) : NULL;
	if (real != NULL &&
	    asprintf(&full, "%s/%s", strcmp(real, "/") == 0 ? "" : real, base) <
		    0)
		full = NULL;
	free(dir);
	free(real);
	return full;
}

static const struct mounted *find_named(const struct mounted *m,
					const char *name)
{
	const struct mounted *found = NULL;
	char *path = resolve(name);

	if (path != NULL) {
		found = mounts_at(m, path);
		if (found == NULL)
			found = mounts_of(m, path);
	}
	free(path);
	return found;
}

enum exit_code target_find(const struct mounted **ret, const struct mounted *m,
			   const char *name)
{
	char project[PATH_MAX];

	*ret = NULL;
	if (name != NULL) {
		*ret = find_named(m, name);
		if (*ret == NULL)
			return msg_fail(EXIT_FAILED,
					"%s: no vault is mounted there; see "
					"'tazpod status'",
					name);
		return EXIT_DONE;
	}
	if (target_project_vault(project))
		*ret = find_named(m, project);
	for (; *ret == NULL && m != NULL; m = m->next) {
		if (m->owner != geteuid())
			continue;
		for (const struct mounted *o = m->next; o != NULL; o = o->next)
			if (o->owner == geteuid())
				return msg_fail(EXIT_USAGE,
						"several vaults are mounted; "
						"name one of 'tazpod status'");
		*ret = m;
	}
	if (*ret == NULL)
		return msg_fail(EXIT_FAILED, "no vault is mounted");
	return EXIT_DONE;
}
