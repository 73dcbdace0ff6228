/* SPDX-License-Identifier: MIT */
#include "config_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The defaults are nobody's to free. */
static char default_image[] = CONFIG_IMAGE;
static char default_user[] = "tazpod";
static char *empty[] = {NULL};

void config_init(struct config *c)
{
	*c = (struct config){
		.image = default_image,
		.user = default_user,
		.grant = CONFIG_GRANT_FUSE,
		.bridges = empty,
		.memory = empty,
		.run_options = empty,
		.unused = empty,
	};
}

static void free_list(char **list)
{
	if (list == NULL || list == empty)
		return;
	for (char **p = list; *p != NULL; p++)
		free(*p);
	free(list);
}

void config_free(struct config *c)
{
	if (c->image != default_image)
		free(c->image);
	if (c->user != default_user)
		free(c->user);
	free(c->container_name);
	free(c->engine);
	free(c->mount);
	free_list(c->bridges);
	free_list(c->memory);
	free_list(c->run_options);
	free_list(c->unused);
	config_init(c);
}

/* Remember that nothing comes of n, which is called name. */
static int note_unused(struct config *c, const struct yaml_node *n,
		       const char *name, struct yaml_error *e)
{
	size_t at = 0;
	char *text = strdup(name);

	while (c->unused[at] != NULL)
		at++;
	if (text == NULL || config_append(&c->unused, text) != 0)
		return config_fail_memory(e, n);
	c->unused_lines[at] = n->key->line;
	return 0;
}

static int take_image(struct config *c, const struct yaml_node *n,
		      struct yaml_error *e)
{
	return config_take_text(&c->image, n, config_image, e);
}

static int take_container(struct config *c, const struct yaml_node *n,
			  struct yaml_error *e)
{
	return config_take_text(&c->container_name, n, config_container, e);
}

static int take_user(struct config *c, const struct yaml_node *n,
		     struct yaml_error *e)
{
	return config_take_text(&c->user, n, config_user, e);
}

static int take_engine(struct config *c, const struct yaml_node *n,
		       struct yaml_error *e)
{
	return config_take_text(&c->engine, n, config_engine, e);
}

static int take_mount(struct config *c, const struct yaml_node *n,
		      struct yaml_error *e)
{
	return config_take_text(&c->mount, n, config_mount, e);
}

static int take_grant(struct config *c, const struct yaml_node *n,
		      struct yaml_error *e)
{
	return config_take_grant(&c->grant, n, e);
}

/* Said in two places, it is on if either has it. */
static int take_ghost(struct config *c, const struct yaml_node *n,
		      struct yaml_error *e)
{
	bool is_on = false;
	int err = config_take_bool(&is_on, n, e);

	c->is_private = c->is_private || is_on;
	return err;
}

static int take_debug(struct config *c, const struct yaml_node *n,
		      struct yaml_error *e)
{
	bool is_on = false;
	int err = config_take_bool(&is_on, n, e);

	return err == 0 && is_on ? note_unused(c, n, "features.debug", e) : err;
}

static int take_unused(struct config *c, const struct yaml_node *n,
		       struct yaml_error *e)
{
	return note_unused(c, n, n->key->text, e);
}

struct key {
	const char *name;
	int (*take)(struct config *c, const struct yaml_node *n,
		    struct yaml_error *e);
};

static const struct key feature_keys[] = {
	{"ghost_mode", take_ghost},
	{"debug", take_debug},
	{NULL, NULL},
};

static int take_keys(struct config *c, const struct yaml_node *n,
		     const struct key keys[], struct yaml_error *e);

static int take_features(struct config *c, const struct yaml_node *n,
			 struct yaml_error *e)
{
	return take_keys(c, n, feature_keys, e);
}

/* The forerunner's are last, and not proposed to anybody. */
static const struct key all_keys[] = {
	{"image", take_image},
	{"container_name", take_container},
	{"user", take_user},
	{"engine", take_engine},
	{"mount", take_mount},
	{"grant", take_grant},
	{"run_options", config_take_options},
	{"bridges", config_take_bridges},
	{"memory", config_take_memory},
	{"features", take_features},
	{"ghost_mode", take_ghost},
	{"version", take_unused},
	{"build", take_unused},
	{"active_provider", take_unused},
	{"providers", take_unused},
	{"aws_sso", take_unused},
	{"vault", take_unused},
	{"mode", take_unused},
	{"gopass", take_unused},
	{NULL, NULL},
};

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

enum { WORD_MAX = 31 };

/* How many letters are to be put in, out or in another's place.  Of words over
 * WORD_MAX it does not matter. */
static unsigned distance(const char *from, const char *to)
{
	unsigned row[WORD_MAX + 1], len = (unsigned)strnlen(to, WORD_MAX + 1);

	if (len > WORD_MAX || strnlen(from, WORD_MAX + 1) > WORD_MAX)
		return WORD_MAX;
	for (unsigned j = 0; j <= len; j++)
		row[j] = j;
	for (; *from != '\0'; from++) {
		unsigned diagonal = row[0]++;

		for (unsigned j = 1; j <= len; j++) {
			unsigned put = diagonal + (*from != to[j - 1]);

			diagonal = row[j];
			row[j] = least(put, 1 + least(row[j], row[j - 1]));
		}
	}
	return row[len];
}

/* The key that word was meant to be, or NULL. */
static const char *guess(const struct key keys[], const char *word)
{
	const char *best = NULL;
	unsigned away = 3;

	for (; keys->name != NULL && keys->take != take_unused; keys++) {
		unsigned d = distance(word, keys->name);

		if (d < away) {
			away = d;
			best = keys->name;
		}
	}
	return best;
}

static int fail_unknown(const struct key keys[], const struct yaml_node *key,
			struct yaml_error *e)
{
	const char *meant = guess(keys, key->text);
	char list[160] = "";
	size_t len = 0;

	if (meant != NULL)
		return yaml_fail(e, key,
				 "unknown key '%.64s'; did you mean '%s'?",
				 key->text, meant);
	for (; keys->name != NULL && keys->take != take_unused; keys++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
					len > 0 ? ", " : "", keys->name);
	return yaml_fail(e, key, "unknown key '%.64s'; the keys are %s",
			 key->text, list);
}

static int take_keys(struct config *c, const struct yaml_node *n,
		     const struct key keys[], struct yaml_error *e)
{
	int err = 0;

	if (n->kind != YAML_MAPPING)
		return yaml_fail(e, n, "here must be keys, as 'image: NAME'");
	for (n = n->first; err == 0 && n != NULL; n = n->next) {
		const struct key *k = keys;

		while (k->name != NULL && strcmp(k->name, n->key->text) != 0)
			k++;
		if (k->name == NULL)
			err = fail_unknown(keys, n->key, e);
		else if (!yaml_is_null(n) || k->take == take_unused)
			err = k->take(c, n, e);
	}
	return err;
}

int config_parse(struct config *ret, const char *text, size_t len,
		 struct yaml_error *e)
{
	struct yaml_node *root = NULL;
	struct config c;
	int err;

	config_init(&c);
	err = yaml_read(&root, text, len, e);
	if (err == 0)
		err = take_keys(&c, root, all_keys, e);
	if (err != 0)
		goto out;
	*ret = c;
	config_init(&c); /* the caller's now */
out:
	config_free(&c);
	yaml_tree_free(root);
	return err;
}
