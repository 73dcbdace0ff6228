/* SPDX-License-Identifier: MIT */
/* A project's config.yaml.  What is accepted holds the rules for each key. */
#include "tools/project/config.h"

#include "text.h"

#include <errno.h>

static void require(bool holds)
{
	if (!holds)
		abort();
}

static bool is_printable(const char *text)
{
	while ((unsigned char)*text >= ' ' && *text != 0x7f)
		text++;
	return *text == '\0';
}

/* What becomes words of a command line is never an option of it. */
static void check_words(const struct config *c)
{
	const char *name = c->container_name, *user = c->user;

	require(c->image[0] != '\0' && c->image[0] != '-');
	require(is_printable(c->image) && strchr(c->image, ' ') == NULL);
	require(user[0] != '\0' && user[0] != '-' && is_printable(user));
	require(strpbrk(user, " :/.,") == NULL);
	if (name != NULL)
		require(name[0] != '\0' && strchr("-._", name[0]) == NULL &&
			strlen(name) <= CONFIG_NAME_MAX && is_printable(name) &&
			strpbrk(name, " :/,") == NULL);
	if (c->engine != NULL)
		require(strcmp(c->engine, "podman") == 0 ||
			strcmp(c->engine, "docker") == 0);
	if (c->mount != NULL)
		require((c->mount[0] == '/' ||
			 strncmp(c->mount, "~/", 2) == 0) &&
			is_printable(c->mount));
	require(c->grant < 16);
	for (char **p = c->run_options; *p != NULL; p++)
		require(**p != '\0');
}

static void check_folder(const char *path)
{
	char *copy = strdup(path), *rest = copy;
	const char *part;

	require(copy != NULL && is_printable(path));
	require(strlen(path) <= CONFIG_FOLDER_MAX && path[0] != '~');
	while ((part = strsep(&rest, "/")) != NULL)
		require(part[0] != '\0' && strcmp(part, ".") != 0 &&
			strcmp(part, "..") != 0);
	free(copy);
}

/* Is a the same as b, or does it lie in b? */
static bool is_in(const char *a, const char *b)
{
	size_t len = strlen(b);

	return strlen(a) >= len && memcmp(a, b, len) == 0 &&
	       (a[len] == '\0' || a[len] == '/');
}

static void check_apart(const char *a, char *const *list)
{
	for (; *list != NULL; list++)
		require(*list == a || (!is_in(a, *list) && !is_in(*list, a)));
}

static void check_folders(const struct config *c)
{
	for (char **p = c->bridges; *p != NULL; p++) {
		check_folder(*p);
		check_apart(*p, c->bridges);
		check_apart(*p, c->memory);
	}
	for (char **p = c->memory; *p != NULL; p++) {
		check_folder(*p);
		check_apart(*p, c->memory);
		require(!is_in(*p, "vault") && !is_in(*p, "config.yaml") &&
			!is_in(*p, "secrets.yml"));
	}
}

static void check_unused(const struct config *c)
{
	unsigned n = 0;

	for (; c->unused[n] != NULL; n++)
		require(n < CONFIG_FORERUNNER && c->unused_lines[n] > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct yaml_error e = {0};
	struct config c;
	int err = config_parse(&c, (const char *)data, len, &e);

	if (err != 0) {
		require(err == -EINVAL && e.line > 0 && e.column > 0);
		require(e.what[0] != '\0' && e.line <= len + 1);
		return 0;
	}
	check_words(&c);
	check_folders(&c);
	check_unused(&c);
	config_free(&c);
	return 0;
}
