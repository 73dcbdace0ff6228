/* SPDX-License-Identifier: MIT */
#include "rescue.h"

#include "crypto/digest.h"
#include "statedir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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
	(void)strcat(name, "-");
	return 0;
}

/* The folder that the vault is in, and what rescue files in it begin with. */
static int beside(char dir[static PATH_MAX], char prefix[static PATH_MAX],
		  const char *vault)
{
	const char *slash = strrchr(vault, '/');

	if (slash == NULL || strlen(vault) + 32 > PATH_MAX)
		return -ENAMETOOLONG;
	(void)snprintf(dir, PATH_MAX, "%.*s", (int)(slash - vault), vault);
	if (slash == vault)
		(void)strcpy(dir, "/");
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

int rescue_save(char ret[static PATH_MAX], struct saver *s, const char *vault)
{
	char dir[PATH_MAX], prefix[PATH_MAX], when[32] = "";
	const time_t now = time(NULL);
	struct tm tm;
	int err;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	err = beside(dir, prefix, vault);
	if (err == 0)
		err = join(ret, dir, prefix, when);
	if (err == 0)
		err = saver_rescue(s, ret);
	if (err == 0)
		return 0;
	err = in_state(dir, prefix, vault, true);
	if (err == 0)
		err = join(ret, dir, prefix, when);
	return err == 0 ? saver_rescue(s, ret) : err;
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
