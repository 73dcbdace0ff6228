/* SPDX-License-Identifier: MIT */
/* What a daemon, perhaps another user's, answers, and what is shown of it. */
#include "tools/cli/status.h"
#include "tools/control/control.h"

#include "text.h"

/* A terminal is shown lines, and nothing that it could obey. */
static void check_shown(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\n') ||
		    *text == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct mounted m = {.dir = (char *)"/m\033",
				  .vault = (char *)"v"};
	struct control_answer answer = {0};
	char *shown = NULL;
	size_t size = 0;
	json_t *o;
	FILE *out;

	if (control_parse(&answer, text_of(data, len)) != 0)
		return 0;
	if (answer.err > 0)
		abort();
	out = open_memstream(&shown, &size);
	if (out == NULL)
		abort();
	status_text(out, &m, answer.body, false);
	(void)fclose(out);
	check_shown(shown);
	free(shown);
	o = status_json(&m, answer.body, false);
	shown = json_dumps(o, 0);
	if (shown == NULL)
		abort();
	free(shown);
	json_decref(o);
	free(answer.body);
	return 0;
}
