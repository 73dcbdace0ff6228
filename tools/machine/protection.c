/* SPDX-License-Identifier: MIT */
#include "protection.h"

#include "machine.h"
#include "tools/control/control.h"

#include <string.h>

void protection_print(FILE *out, enum rung r, const struct circumstances *c)
{
	struct promise all[PROMISES_COUNT];

	promises_of(all, r, c);
	for (size_t i = 0; i < PROMISES_COUNT; i++)
		(void)fprintf(out, "  %-6s  %s: %s\n",
			      promises_word(all[i].state), all[i].title,
			      all[i].why);
}

json_t *protection_json(enum rung r, const struct circumstances *c)
{
	struct promise all[PROMISES_COUNT];
	json_t *o = json_object();

	promises_of(all, r, c);
	for (size_t i = 0; i < PROMISES_COUNT; i++)
		(void)json_object_set_new(
			o, all[i].name,
			json_string(promises_word(all[i].state)));
	return o;
}

enum rung protection_of(struct circumstances *ret, const char *body)
{
	char text[64];
	enum rung r;

	control_text(text, sizeof(text), body, "rung");
	r = rung_of_name(text);
	control_text(text, sizeof(text), body, "swap");
	*ret = (struct circumstances){
		.swap_on = strcmp(text, "off") != 0,
		.admin_access = machine_has_admin_access(),
		.allow_other = control_number(body, "allow_other") != 0,
		.own_namespace = control_number(body, "own_namespace") != 0,
	};
	return r;
}
