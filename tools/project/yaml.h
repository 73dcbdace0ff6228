/* SPDX-License-Identifier: MIT */
#ifndef TZ_YAML_H
#define TZ_YAML_H

/*
 * A file that people write, as a tree.  It is a strict part of YAML: one
 * document, without anchors, aliases, tags and directives; keys are scalars,
 * and none is there twice in its mapping.  All text is valid UTF-8 without
 * NUL.  Scalars stay text: what is a number is for the caller to say.
 *
 * The names are not libyaml's, which has a yaml_free() of its own.
 */

#include <stdbool.h>
#include <stddef.h>

enum {
	YAML_INPUT_MAX = 64 << 10, /* bytes */
	YAML_DEPTH_MAX = 16,	   /* of sequences and mappings */
	YAML_NODES_MAX = 4096,	   /* with keys */
};

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

/*
 * The elements of a sequence, and the values of a mapping in the order of the
 * file, are a list: first, and next of each.
 */
struct yaml_node {
	enum yaml_kind kind;
	unsigned line, column;	 /* from 1 */
	char *text;		 /* of a scalar, ends with NUL; else NULL */
	size_t len;		 /* ... without the NUL */
	bool is_plain;		 /* ... and neither quoted nor a block */
	struct yaml_node *key;	 /* in a mapping, a scalar; else NULL */
	struct yaml_node *first; /* NULL if it is empty, or a scalar */
	struct yaml_node *next;
};

/* What is wrong, and where, both from 1: "LINE: what". */
struct yaml_error {
	unsigned line, column;
	char what[256];
};

/*
 * Read text into a new tree, which yaml_tree_free() frees.  An empty document,
 * or none, is an empty mapping.
 *
 * Returns 0, or with *e written -EINVAL if text is not as above or -ENOMEM.
 */
int yaml_read(struct yaml_node **ret, const char *text, size_t len,
	      struct yaml_error *e);

/* Free a tree.  NULL: no-op. */
void yaml_tree_free(struct yaml_node *n);

/* The value of key in a mapping.  NULL if it is not there, or n no mapping. */
const struct yaml_node *yaml_get(const struct yaml_node *n, const char *key);

/* Is it a scalar that says nothing: plain, and empty, "~" or "null"? */
bool yaml_is_null(const struct yaml_node *n);

/* A plain "true" or "false".  0, or -EINVAL if it is anything else. */
int yaml_bool(bool *ret, const struct yaml_node *n);

/* "a scalar", "a list" or "a mapping": for messages. */
const char *yaml_kind_name(const struct yaml_node *n);

/* Write *e about n.  Returns -EINVAL: for `return yaml_fail(...)`. */
__attribute__((format(printf, 3, 4))) int yaml_fail(struct yaml_error *e,
						    const struct yaml_node *n,
						    const char *format, ...);

#endif
