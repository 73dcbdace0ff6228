/* SPDX-License-Identifier: MIT */
#include "args.h"

#include <argz.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void args_add(struct args *a, const char *text)
{
	if (argz_add(&a->text, &a->len, text) != 0)
		a->is_short = true;
}

void args_format(struct args *a, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text != NULL)
		args_add(a, text);
	else
		a->is_short = true;
	free(text);
}

void args_add_all(struct args *a, char *const list[])
{
	for (; *list != NULL; list++)
		args_add(a, *list);
}

void args_join(struct args *a, const struct args *more)
{
	if (more->is_short ||
	    argz_append(&a->text, &a->len, more->text, more->len) != 0)
		a->is_short = true;
}

char **args_list(struct args *a)
{
	free(a->list);
	a->list = NULL;
	if (a->is_short)
		return NULL;
	a->list = calloc(argz_count(a->text, a->len) + 1, sizeof(*a->list));
	if (a->list != NULL)
		argz_extract(a->text, a->len, a->list);
	return a->list;
}

void args_free(struct args *a)
{
	free(a->text);
	free(a->list);
	*a = (struct args){0};
}
