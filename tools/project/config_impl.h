/* SPDX-License-Identifier: MIT */
#ifndef TZ_CONFIG_IMPL_H
#define TZ_CONFIG_IMPL_H

/* What config.c, which knows the keys, shares with those that know values. */

#include "config.h"

/* Says what text must be, for "KEY must be ...", or NULL if it is that. */
typedef const char *config_rule(const char *text);

config_rule config_image, config_container, config_user, config_engine,
	config_mount, config_option;

/*
 * Each takes the value n of a key, which is not null, and keeps the rules of
 * docs/CONFIG.md.  0, or with *e written -EINVAL or -ENOMEM.
 */
int config_take_text(char **ret, const struct yaml_node *n, config_rule *rule,
		     struct yaml_error *e);
int config_take_bool(bool *ret, const struct yaml_node *n,
		     struct yaml_error *e);
int config_take_grant(unsigned *ret, const struct yaml_node *n,
		      struct yaml_error *e);
int config_take_options(struct config *c, const struct yaml_node *n,
			struct yaml_error *e);
int config_take_bridges(struct config *c, const struct yaml_node *n,
			struct yaml_error *e);
int config_take_memory(struct config *c, const struct yaml_node *n,
		       struct yaml_error *e);

/* 0 if n is a list, or with *e written -EINVAL. */
int config_want_list(const struct yaml_node *n, struct yaml_error *e);

/* Append text, which is the list's then, also on failure.  0 or -ENOMEM. */
int config_append(char ***list, char *text);

/* Write *e about n for want of memory.  -ENOMEM. */
int config_fail_memory(struct yaml_error *e, const struct yaml_node *n);

#endif
