/* SPDX-License-Identifier: MIT */
#include "args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Append text, which is malloc'd and taken over, or NULL. */
static void take(struct args *a, char *text)
{
	char **more = text != NULL ? realloc(a->list,
					     (a->count + 2) * sizeof(*a->list))
				   : NULL;

	if (more == NULL) {
		free(text);
		a->is_short = true;
		return;
	}
	more[a->count++] = text;
	more[a->count] = NULL;
	a->list = more;
}

void args_add(struct args *a, const char *text)
{
	take(a, strdup(text));
}

void args_format(struct args *a, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	take(a, text);
}

void args_add_all(struct args *a, char *const list[])
{
	for (; *list != NULL; list++)
		args_add(a, *list);
}

void args_free(struct args *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->list[i]);
	free(a->list);
	*a = (struct args){0};
}
