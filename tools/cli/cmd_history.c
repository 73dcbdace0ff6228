/* SPDX-License-Identifier: MIT */
/* The older vaults that are kept beside a vault. */
#include "commands.h"

#include "fs/history.h"
#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* What names the vault: argument n, or an option, or nothing. */
static const char *named(const struct command_line *c, int n)
{
	return n < c->argc ? c->argv[n] : c->vault;
}

static void print_generation(const struct generation *g, bool json, bool last)
{
	char when[64] = "";
	struct tm tm;

	if (json) {
		(void)printf("  {\"number\": %" PRIu64 ", \"sealed_ns\": %lld, "
			     "\"size\": %" PRIu64 "}%s\n",
			     g->number,
			     (long long)g->sealed.tv_sec * 1000000000 +
				     g->sealed.tv_nsec,
			     g->size, last ? "" : ",");
		return;
	}
	if (localtime_r(&g->sealed.tv_sec, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%F %T", &tm);
	(void)printf("%8" PRIu64 "  %s  %10" PRIu64 " bytes\n", g->number, when,
		     g->size);
}

enum exit_code cmd_history(const struct command_line *c)
{
	struct generation *list = NULL;
	struct store *s = NULL;
	char buf[PATH_MAX];
	const char *vault;
	size_t count = 0;
	bool is_gone;
	enum exit_code code = target_vault(&vault, named(c, 0), buf);
	int err;

	if (code != EXIT_DONE)
		return code;
	err = store_open_readonly(&s, vault);
	/* Of a vault that was removed the older ones may still be there. */
	is_gone = err == -ENOENT;
	if (is_gone)
		err = store_create(&s, vault);
	if (err == 0)
		err = history_list(&list, &count, s);
	if (err == 0 && is_gone && count == 0)
		err = -ENOENT;
	if (err != 0)
		code = msg_fail(EXIT_FAILED, "%s: %s", vault, msg_error(err));
	if (code == EXIT_DONE && c->json)
		(void)puts("[");
	for (size_t i = count; i > 0; i--)
		print_generation(&list[i - 1], c->json, i == 1);
	if (code == EXIT_DONE && c->json)
		(void)puts("]");
	else if (code == EXIT_DONE && count == 0)
		(void)printf("%s: no older vaults are kept\n", vault);
	free(list);
	store_close(s);
	return code;
}
