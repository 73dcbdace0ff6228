/* SPDX-License-Identifier: MIT */
#include "rescue.h"

#include "crypto/digest.h"
#include "statedir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DIGEST_SHOWN = 8 };

/* What the names of a vault's files in the state folder begin with. */
static int digest_name(char name[static 2 * DIGEST_SHOWN + 2],
		       const char *vault)
{
	uint8_t digest[DIGEST_LEN];
	int err = digest_sha256(digest, (const uint8_t *)vault, strlen(vault));

	if (err != 0)
		return err;
	for (size_t i = 0; i < DIGEST_SHOWN; i++)
		(void)snprintf(name + 2 * i, 3, "%02x", digest[i]);
	(void)snprintf(name + (size_t)2 * DIGEST_SHOWN, 2, "-");
	return 0;
}

/* The folder that the vault is in, and what rescue files in it begin with. */
static int beside(char dir[static PATH_MAX], char prefix[static PATH_MAX],
		  const char *vault)
{
	const char *slash = strrchr(vault, '/');

	if (slash == NULL || strlen(vault) + 32 > PATH_MAX)
		return -ENAMETOOLONG;
	if (slash == vault)
		(void)snprintf(dir, PATH_MAX, "/");
	else
		(void)snprintf(dir, PATH_MAX, "%.*s", (int)(slash - vault),
			       vault);
	(void)snprintf(prefix, PATH_MAX, "%s.rescue-", slash + 1);
	return 0;
}

/* The same in the state folder. */
static int in_state(char dir[static PATH_MAX], char prefix[static PATH_MAX],
		    const char *vault, bool make)
{
	int err = statedir_get(dir, "rescue", make);

	return err == 0 ? digest_name(prefix, vault) : err;
}

static int join(char ret[static PATH_MAX], const char *dir, const char *name,
		const char *rest)
{
	int n = snprintf(ret, PATH_MAX, "%s/%s%s", dir, name, rest);

	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int rescue_open(void *ctx, unsigned attempt, struct store **ret)
{
	char dir[PATH_MAX], prefix[PATH_MAX], suffix[64];
	char when[STORE_DATE_LEN + 1];
	struct rescue *r = ctx;
	int err = 1;

	store_date(when);
	if (attempt == 0) {
		(void)snprintf(suffix, sizeof(suffix), ".rescue-%s", when);
		err = store_create_near(ret, r->store, suffix);
	} else if (attempt == 1) {
		err = in_state(dir, prefix, store_path(r->store), true);
		if (err == 0)
			err = join(r->path, dir, prefix, when);
		if (err == 0)
			err = store_create_aside(ret, r->path);
	}
	if (err == 0)
		(void)snprintf(r->path, sizeof(r->path), "%s",
			       store_path(*ret));
	return err;
}

/* The name in dir that begins with prefix and is the last of all. */
static bool find_last(char ret[static PATH_MAX], const char *dir,
		      const char *prefix)
{
	char name[NAME_MAX + 1] = "";
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
		    store_is_date(e->d_name + strlen(prefix)) &&
		    strcmp(e->d_name, name) > 0)
			(void)snprintf(name, sizeof(name), "%s", e->d_name);
	if (d != NULL)
		(void)closedir(d);
	return name[0] != '\0' && join(ret, dir, name, "") == 0;
}

bool rescue_find(char ret[static PATH_MAX], const char *vault)
{
	char dir[PATH_MAX], prefix[PATH_MAX];

	if (beside(dir, prefix, vault) == 0 && find_last(ret, dir, prefix))
		return true;
	return in_state(dir, prefix, vault, false) == 0 &&
	       find_last(ret, dir, prefix);
}
