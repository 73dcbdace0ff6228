/* SPDX-License-Identifier: MIT */
/* Bridges and memory: folders of the home. */
#include "config_impl.h"

#include <stdlib.h>
#include <string.h>

/* Is the path inner the same as outer, or below it? */
static bool is_within(const char *inner, const char *outer)
{
	size_t len = strlen(outer);

	return strncmp(inner, outer, len) == 0 &&
	       (inner[len] == '/' || inner[len] == '\0');
}

/* Is a part of the path empty, "." or ".."? */
static bool has_odd_part(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (len == 0 || (len <= 2 && strncmp(path, "..", len) == 0))
			return true;
		if (path[len] == '\0')
			return false;
		path += len + 1;
	}
}

static const char *bridge_rule(const char *path)
{
	const unsigned char *p = (const unsigned char *)path;

	while (*p >= ' ' && *p != 0x7f)
		p++;
	if (*p != '\0')
		return "without control characters";
	if (path[0] == '/' || path[0] == '~')
		return "a folder of the home, as .aws or ~/.aws";
	if (has_odd_part(path))
		return "a folder of the home without empty, '.' and '..' parts";
	return strlen(path) <= CONFIG_FOLDER_MAX ? NULL
						 : "of at most 255 bytes";
}

/* What .tazpod has of its own, where memory is kept under its own name. */
static bool is_reserved(const char *path)
{
	static const char *const names[] = {"vault", "config.yaml",
					    "secrets.yml", ".gitignore"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_within(path, names[i]))
			return true;
	return false;
}

static const char *memory_rule(const char *path)
{
	const char *must = bridge_rule(path);

	if (must != NULL || !is_reserved(path))
		return must;
	return "another folder: that name is .tazpod's own";
}

/* A folder of list that path cannot be beside, or NULL. */
static const char *find_clash(char *const *list, const char *path)
{
	while (*list != NULL && !is_within(*list, path) &&
	       !is_within(path, *list))
		list++;
	return *list;
}

/* The folder's path without "~/" and slashes at its end. */
static int take(char **ret, const struct yaml_node *n, config_rule *rule,
		struct yaml_error *e)
{
	const char *text = n->text, *must;
	size_t len;
	char *path;

	if (n->kind != YAML_SCALAR)
		return yaml_fail(e, n, "a folder must be a name, not %s",
				 yaml_kind_name(n));
	if (strncmp(text, "~/", 2) == 0)
		text += 2;
	len = strlen(text);
	/* What is nothing but a slash is absolute, which the rule refuses. */
	while (len > 1 && text[len - 1] == '/')
		len--;
	path = strndup(text, len);
	if (path == NULL)
		return config_fail_memory(e, n);
	must = rule(path);
	if (must != NULL) {
		free(path);
		return yaml_fail(e, n, "'%.64s' must be %s", n->text, must);
	}
	*ret = path;
	return 0;
}

/* Append the folder n to list, which is one of c's. */
static int add(char ***list, const struct config *c, const struct yaml_node *n,
	       config_rule *rule, struct yaml_error *e)
{
	const char *clash;
	char *path = NULL;
	int err = take(&path, n, rule, e);

	if (path == NULL)
		return err;
	clash = find_clash(c->bridges, path);
	if (clash == NULL)
		clash = find_clash(c->memory, path);
	if (clash != NULL) {
		err = yaml_fail(e, n,
				"'%.64s' clashes with '%.64s': no folder can "
				"be named twice or lie in another",
				path, clash);
		free(path);
		return err;
	}
	return config_append(list, path) == 0 ? 0 : config_fail_memory(e, n);
}

int config_take_bridges(struct config *c, const struct yaml_node *n,
			struct yaml_error *e)
{
	int err = config_want_list(n, e);

	for (n = n->first; err == 0 && n != NULL; n = n->next)
		err = add(&c->bridges, c, n, bridge_rule, e);
	return err;
}

int config_take_memory(struct config *c, const struct yaml_node *n,
		       struct yaml_error *e)
{
	int err = config_want_list(n, e);

	for (n = n->first; err == 0 && n != NULL; n = n->next)
		err = add(&c->memory, c, n, memory_rule, e);
	return err;
}
