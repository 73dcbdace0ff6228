/* SPDX-License-Identifier: MIT */
#include "target.h"

#include "tools/project/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

enum exit_code target_vault(const char **ret, const char *named,
			    char buf[static PATH_MAX])
{
	*ret = named;
	if (named != NULL)
		return EXIT_DONE;
	if (!project_vault(buf))
		return msg_fail(EXIT_USAGE,
				"no vault named, and no .tazpod folder here or "
				"above");
	*ret = buf;
	return EXIT_DONE;
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

char *target_resolve(const char *name)
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

/* Find the mount that name is the mount point or, if unique, the vault of. */
static enum exit_code find_named(const struct mounted **ret,
				 const struct mounted *m, const char *name)
{
	char *path = target_resolve(name);
	const struct mounted *other = NULL;

	if (path != NULL) {
		*ret = mounts_at(m, path);
		if (*ret == NULL) {
			*ret = mounts_of(m, path);
			other = *ret != NULL ? mounts_of((*ret)->next, path)
					     : NULL;
		}
	}
	free(path);
	if (other != NULL)
		return msg_fail(EXIT_USAGE,
				"%s: mounted at %s and at %s; name the mount "
				"point",
				name, other->dir, (*ret)->dir);
	return EXIT_DONE;
}

/* The first mount of this user's from m on, or NULL. */
static const struct mounted *next_own(const struct mounted *m)
{
	while (m != NULL && (m->owner != geteuid() || m->is_part))
		m = m->next;
	return m;
}

enum exit_code target_find(const struct mounted **ret, const struct mounted *m,
			   const char *name)
{
	enum exit_code code = EXIT_DONE;
	char project[PATH_MAX];

	*ret = NULL;
	if (name != NULL) {
		code = find_named(ret, m, name);
		if (code == EXIT_DONE && *ret == NULL)
			return msg_fail(EXIT_FAILED,
					"%s: no vault is mounted there; see "
					"'tazpod status'",
					name);
		return code;
	}
	if (project_vault(project))
		code = find_named(ret, m, project);
	if (code != EXIT_DONE)
		return code;
	if (*ret != NULL)
		return EXIT_DONE;
	*ret = next_own(m);
	if (*ret != NULL && next_own((*ret)->next) != NULL)
		return msg_fail(EXIT_USAGE,
				"several vaults are mounted; name one of "
				"'tazpod status'");
	if (*ret == NULL)
		return msg_fail(EXIT_FAILED, "no vault is mounted");
	return EXIT_DONE;
}
