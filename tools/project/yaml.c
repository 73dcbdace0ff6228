/* SPDX-License-Identifier: MIT */
#include "yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* libyaml, the event it is at, and what to count and to complain to. */
struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	const char *text;
	size_t len;
	struct yaml_error *e;
	unsigned nodes;
};

__attribute__((format(printf, 3, 4))) static int fail(struct yaml_error *e,
						      const yaml_mark_t *mark,
						      const char *format, ...)
{
	va_list args;

	e->line = (unsigned)mark->line + 1;
	e->column = (unsigned)mark->column + 1;
	va_start(args, format);
	(void)vsnprintf(e->what, sizeof(e->what), format, args);
	va_end(args);
	return -EINVAL;
}

int yaml_fail(struct yaml_error *e, const struct yaml_node *n,
	      const char *format, ...)
{
	va_list args;

	e->line = n->line;
	e->column = n->column;
	va_start(args, format);
	(void)vsnprintf(e->what, sizeof(e->what), format, args);
	va_end(args);
	return -EINVAL;
}

static int fail_memory(struct reader *r)
{
	(void)fail(r->e, &r->event.start_mark, "out of memory");
	return -ENOMEM;
}

/* Where the byte at off is: libyaml does not say it of bytes that are no text.
 */
static yaml_mark_t find_mark(const struct reader *r, size_t off)
{
	yaml_mark_t mark = {0};

	for (size_t i = 0; i < off && i < r->len; i++) {
		mark.column = r->text[i] == '\n' ? 0 : mark.column + 1;
		mark.line += r->text[i] == '\n';
	}
	return mark;
}

/* What libyaml refuses. */
static int fail_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	yaml_mark_t mark = p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR)
		return fail_memory(r);
	if (p->error == YAML_READER_ERROR)
		mark = find_mark(r, p->problem_offset);
	return fail(r->e, &mark, "%s",
		    p->problem != NULL ? p->problem : "this is no YAML");
}

static int next(struct reader *r)
{
	yaml_event_delete(&r->event);
	return yaml_parser_parse(&r->parser, &r->event) ? 0 : fail_syntax(r);
}

/* Does the event have what is not taken here? */
static int check_event(struct reader *r)
{
	const yaml_event_t *ev = &r->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (ev->type == YAML_ALIAS_EVENT)
		return fail(r->e, &ev->start_mark, "aliases are not taken");
	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (anchor != NULL)
		return fail(r->e, &ev->start_mark, "anchors are not taken");
	if (tag != NULL)
		return fail(r->e, &ev->start_mark, "tags are not taken");
	if (++r->nodes > YAML_NODES_MAX)
		return fail(r->e, &ev->start_mark,
			    "more than %d keys and values", YAML_NODES_MAX);
	return 0;
}

/* Copy the event's scalar. */
static int copy_scalar(struct reader *r, struct yaml_node *n)
{
	const void *value = r->event.data.scalar.value;
	size_t len = r->event.data.scalar.length;

	if (memchr(value, '\0', len) != NULL)
		return yaml_fail(r->e, n, "a NUL is not taken");
	n->text = malloc(len + 1);
	if (n->text == NULL)
		return fail_memory(r);
	memcpy(n->text, value, len);
	n->text[len] = '\0';
	n->len = len;
	n->is_plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return 0;
}

/* A node for the event, at *at, still without what is in it. */
static int start(struct reader *r, struct yaml_node **at)
{
	struct yaml_node *n;
	int err = check_event(r);

	if (err != 0)
		return err;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return fail_memory(r);
	n->line = (unsigned)r->event.start_mark.line + 1;
	n->column = (unsigned)r->event.start_mark.column + 1;
	n->kind = r->event.type == YAML_SCALAR_EVENT	       ? YAML_SCALAR
		  : r->event.type == YAML_SEQUENCE_START_EVENT ? YAML_SEQUENCE
							       : YAML_MAPPING;
	*at = n;
	return n->kind == YAML_SCALAR ? copy_scalar(r, n) : 0;
}

/* The key that the event is, at *at, and go on to its value. */
static int read_key(struct reader *r, struct yaml_node **at,
		    const struct yaml_node *mapping)
{
	const struct yaml_node *other;
	int err = start(r, at);

	if (err != 0)
		return err;
	if ((*at)->kind != YAML_SCALAR)
		return yaml_fail(r->e, *at, "a key cannot be %s",
				 yaml_kind_name(*at));
	other = yaml_get(mapping, (*at)->text);
	if (other != NULL)
		return yaml_fail(r->e, *at,
				 "'%.64s' is there twice, first in "
				 "line %u",
				 (*at)->text, other->key->line);
	return next(r);
}

static int read_inside(struct reader *r, struct yaml_node *n, unsigned depth);

/* The node that the event begins, at *at, and all that is in it. */
static int read_node(struct reader *r, struct yaml_node **at, unsigned depth)
{
	int err = start(r, at);

	if (err != 0 || (*at)->kind == YAML_SCALAR)
		return err;
	if (depth == YAML_DEPTH_MAX)
		return yaml_fail(r->e, *at, "nested more than %d deep",
				 YAML_DEPTH_MAX);
	return read_inside(r, *at, depth + 1);
}

/* What is in n, with its end. */
static int read_inside(struct reader *r, struct yaml_node *n, unsigned depth)
{
	struct yaml_node **at = &n->first, *key;
	int err = next(r);

	while (err == 0 && r->event.type != YAML_SEQUENCE_END_EVENT &&
	       r->event.type != YAML_MAPPING_END_EVENT) {
		key = NULL;
		if (n->kind == YAML_MAPPING)
			err = read_key(r, &key, n);
		if (err == 0)
			err = read_node(r, at, depth);
		if (*at == NULL) {
			yaml_tree_free(key);
			break;
		}
		(*at)->key = key;
		at = &(*at)->next;
		if (err == 0)
			err = next(r);
	}
	return err;
}

/* The document's only node, at *at, which stays NULL if there is none. */
static int read_document(struct reader *r, struct yaml_node **at)
{
	int err = next(r); /* the stream's start */

	if (err == 0)
		err = next(r);
	if (err != 0 || r->event.type == YAML_STREAM_END_EVENT)
		return err;
	if (r->event.data.document_start.version_directive != NULL ||
	    r->event.data.document_start.tag_directives.start !=
		    r->event.data.document_start.tag_directives.end)
		return fail(r->e, &r->event.start_mark,
			    "directives are not taken");
	err = next(r);
	if (err == 0)
		err = read_node(r, at, 0);
	if (err == 0)
		err = next(r); /* the document's end */
	if (err == 0)
		err = next(r);
	if (err == 0 && r->event.type != YAML_STREAM_END_EVENT)
		err = fail(r->e, &r->event.start_mark,
			   "more than one document");
	return err;
}

/* An empty document is an empty mapping. */
static int make_mapping(struct yaml_node **at)
{
	yaml_tree_free(*at);
	*at = calloc(1, sizeof(**at));
	if (*at == NULL)
		return -ENOMEM;
	(*at)->kind = YAML_MAPPING;
	(*at)->line = 1;
	(*at)->column = 1;
	return 0;
}

int yaml_read(struct yaml_node **ret, const char *text, size_t len,
	      struct yaml_error *e)
{
	struct reader r = {.text = text, .len = len, .e = e};
	struct yaml_node *root = NULL;
	int err;

	if (len > YAML_INPUT_MAX)
		return fail(e, &r.event.start_mark, "more than %d KiB",
			    YAML_INPUT_MAX >> 10);
	if (!yaml_parser_initialize(&r.parser))
		return fail_memory(&r);
	/* Or a byte order mark chooses UTF-16. */
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text,
				     len);
	err = read_document(&r, &root);
	if (err == 0 && (root == NULL || yaml_is_null(root)))
		err = make_mapping(&root) != 0 ? fail_memory(&r) : 0;
	if (err != 0)
		goto out;
	*ret = root;
	root = NULL;
out:
	yaml_tree_free(root);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return err;
}

void yaml_tree_free(struct yaml_node *n)
{
	while (n != NULL) {
		struct yaml_node *after = n->next;

		yaml_tree_free(n->key);
		yaml_tree_free(n->first);
		free(n->text);
		free(n);
		n = after;
	}
}

const struct yaml_node *yaml_get(const struct yaml_node *n, const char *key)
{
	const struct yaml_node *child =
		n->kind == YAML_MAPPING ? n->first : NULL;

	while (child != NULL && strcmp(child->key->text, key) != 0)
		child = child->next;
	return child;
}

bool yaml_is_null(const struct yaml_node *n)
{
	return n->kind == YAML_SCALAR && n->is_plain &&
	       (n->len == 0 || strcmp(n->text, "~") == 0 ||
		strcmp(n->text, "null") == 0);
}

int yaml_bool(bool *ret, const struct yaml_node *n)
{
	bool is_true;

	if (n->kind != YAML_SCALAR || !n->is_plain)
		return -EINVAL;
	is_true = strcmp(n->text, "true") == 0;
	if (!is_true && strcmp(n->text, "false") != 0)
		return -EINVAL;
	*ret = is_true;
	return 0;
}

const char *yaml_kind_name(const struct yaml_node *n)
{
	return n->kind == YAML_SCALAR	  ? "a scalar"
	       : n->kind == YAML_SEQUENCE ? "a list"
					  : "a mapping";
}
