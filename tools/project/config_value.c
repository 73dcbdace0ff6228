/* SPDX-License-Identifier: MIT */
#include "config_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS	"0123456789"
#define SMALL	"abcdefghijklmnopqrstuvwxyz"
#define LETTERS SMALL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum { USER_MAX = 32 /* bytes, as useradd(8) has it */ };

/* Does text consist of bytes of set alone? */
static bool is_of(const char *text, const char *set)
{
	return text[strspn(text, set)] == '\0';
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

const char *config_image(const char *text)
{
	bool is_good = text[0] != '\0' && text[0] != '-';

	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f)
			is_good = false;
	return is_good ? NULL
		       : "printable ASCII without spaces, not beginning with "
			 "'-'";
}

const char *config_container(const char *text)
{
	bool is_good = text[0] != '\0' && strchr("_.-", text[0]) == NULL &&
		       is_of(text, LETTERS DIGITS "_.-") &&
		       strlen(text) <= CONFIG_NAME_MAX;

	return is_good ? NULL
		       : "at most 128 letters, digits, '_', '.' and '-', the "
			 "first a letter or digit";
}

/* A number below the one that stands for no user. */
static bool is_uid(const char *text)
{
	return text[0] != '\0' && is_of(text, DIGITS) && strlen(text) <= 10 &&
	       strtoull(text, NULL, 10) < UINT_MAX;
}

const char *config_user(const char *text)
{
	bool is_name = text[0] != '\0' && text[0] != '-' &&
		       strchr(DIGITS, text[0]) == NULL &&
		       is_of(text, SMALL DIGITS "_-") &&
		       strlen(text) <= USER_MAX;

	return is_name || is_uid(text)
		       ? NULL
		       : "a user id, or at most 32 small letters, digits, '_' "
			 "and '-', the first a letter or '_'";
}

const char *config_engine(const char *text)
{
	return strcmp(text, "podman") == 0 || strcmp(text, "docker") == 0
		       ? NULL
		       : "podman or docker";
}

const char *config_mount(const char *text)
{
	const char *rest = strncmp(text, "~/", 2) == 0 ? text + 2
			   : text[0] == '/'	       ? text + 1
						       : "";

	return !is_of(rest, "/") && !has_control(text) &&
			       strlen(text) < PATH_MAX
		       ? NULL
		       : "an absolute path or one that begins with '~/', "
			 "without control characters";
}

const char *config_option(const char *text)
{
	return text[0] != '\0' ? NULL : "an option, not an empty one";
}

int config_fail_memory(struct yaml_error *e, const struct yaml_node *n)
{
	(void)yaml_fail(e, n, "out of memory");
	return -ENOMEM;
}

int config_append(char ***list, char *text)
{
	size_t count = 0;
	char **more;

	while ((*list)[count] != NULL)
		count++;
	/* An empty list is not on the heap. */
	more = realloc(count > 0 ? *list : NULL, (count + 2) * sizeof(*more));
	if (more == NULL) {
		free(text);
		return -ENOMEM;
	}
	more[count] = text;
	more[count + 1] = NULL;
	*list = more;
	return 0;
}

/* What the key is called in a message; an element has its list's. */
static const char *key_of(const struct yaml_node *n)
{
	return n->key != NULL ? n->key->text : "an element";
}

/* Is n one scalar? */
static int want_scalar(const struct yaml_node *n, struct yaml_error *e)
{
	if (n->kind == YAML_SCALAR)
		return 0;
	return yaml_fail(e, n, "%s must be a single value, not %s", key_of(n),
			 yaml_kind_name(n));
}

int config_want_list(const struct yaml_node *n, struct yaml_error *e)
{
	if (n->kind == YAML_SEQUENCE)
		return 0;
	return yaml_fail(e, n, "%s must be a list, as [a, b], not %s",
			 key_of(n), yaml_kind_name(n));
}

int config_take_text(char **ret, const struct yaml_node *n, config_rule *rule,
		     struct yaml_error *e)
{
	const char *must;
	char *text;
	int err = want_scalar(n, e);

	if (err != 0)
		return err;
	must = rule(n->text);
	if (must != NULL)
		return yaml_fail(e, n, "%s must be %s", key_of(n), must);
	text = strdup(n->text);
	if (text == NULL)
		return config_fail_memory(e, n);
	*ret = text;
	return 0;
}

int config_take_bool(bool *ret, const struct yaml_node *n, struct yaml_error *e)
{
	if (yaml_bool(ret, n) == 0)
		return 0;
	return yaml_fail(e, n, "%s must be true or false", key_of(n));
}

int config_take_grant(unsigned *ret, const struct yaml_node *n,
		      struct yaml_error *e)
{
	static const char *const names[] = {"fuse", "sys_admin", "ipc_lock",
					    "userns"};
	enum { COUNT = sizeof(names) / sizeof(names[0]) };
	unsigned grant = 0, i;
	int err = config_want_list(n, e);

	if (err != 0)
		return err;
	for (n = n->first; n != NULL; n = n->next) {
		for (i = 0; i < COUNT && n->kind == YAML_SCALAR; i++)
			if (strcmp(names[i], n->text) == 0)
				break;
		if (n->kind != YAML_SCALAR || i == COUNT)
			return yaml_fail(e, n,
					 "what can be granted is fuse, "
					 "sys_admin, ipc_lock and userns");
		grant |= 1U << i;
	}
	*ret = grant;
	return 0;
}

int config_take_options(struct config *c, const struct yaml_node *n,
			struct yaml_error *e)
{
	char *text = NULL;
	int err = config_want_list(n, e);

	for (n = n->first; err == 0 && n != NULL; n = n->next) {
		err = config_take_text(&text, n, config_option, e);
		if (err == 0 && config_append(&c->run_options, text) != 0)
			err = config_fail_memory(e, n);
	}
	return err;
}
