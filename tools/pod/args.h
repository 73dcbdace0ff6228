/* SPDX-License-Identifier: MIT */
#ifndef TZ_ARGS_H
#define TZ_ARGS_H

/* The arguments of a program that is to be run, one after another. */

#include <stdbool.h>
#include <stddef.h>

struct args {
	char *text; /* as argz_create(3) has it, or NULL */
	size_t len;
	char **list;   /* what args_list() has made, or NULL */
	bool is_short; /* there was no memory for some */
};

/* Append one.  Without memory a->is_short is set. */
void args_add(struct args *a, const char *text);

/* The same, as printf(3) has it. */
__attribute__((format(printf, 2, 3))) void args_format(struct args *a,
						       const char *format, ...);

/* Append each of a list that ends with NULL. */
void args_add_all(struct args *a, char *const list[]);

/* Append all that another has. */
void args_join(struct args *a, const struct args *more);

/*
 * All of them as a list that ends with NULL, for exec(2), which is a's and good
 * until the next is appended.  NULL if there was not memory for all.
 */
char **args_list(struct args *a);

void args_free(struct args *a);

#endif
