/* SPDX-License-Identifier: MIT */
/* The older vaults that are kept beside a vault. */
#include "commands.h"

#include "crypto/seal.h"
#include "fs/history.h"
#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any vault has. */
#define ANY_SIZE (UINT64_C(1) << 41)

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

/* The generation of the vault in b, or 0. */
static uint64_t generation_of(const struct blob *b)
{
	struct seal_params p;

	return seal_parse(&p, b) == 0 ? p.generation : 0;
}

/* Put old in the vault's place; what is there is kept first. */
static int swap(struct store *s, const struct blob *old)
{
	const struct history_policy all = {.keep = UINT_MAX};
	struct blob now = {0};
	int err = store_load(&now, s, ANY_SIZE);

	if (err == 0)
		err = history_keep(s, &all, generation_of(&now));
	blob_free(&now);
	return err == 0 || err == -ENOENT ? store_save(s, old) : err;
}

static enum exit_code restore(struct store *s, const char *vault,
			      uint64_t number)
{
	struct seal_params p;
	struct blob old = {0};
	enum exit_code code = EXIT_DONE;
	int err = history_load(&old, s, number, ANY_SIZE);

	if (err != 0)
		return msg_fail(EXIT_FAILED,
				"%s: no older vault %" PRIu64 " (%s); see "
				"'tazpod history'",
				vault, number, msg_error(err));
	if (seal_parse(&p, &old) != 0)
		code = msg_fail(EXIT_DAMAGED,
				"%s: what is kept as %" PRIu64 " is no vault",
				vault, number);
	if (code == EXIT_DONE)
		err = swap(s, &old);
	if (err != 0)
		code = msg_fail(EXIT_FAILED,
				"%s: cannot be replaced: %s; it is as it was",
				vault, msg_error(err));
	blob_free(&old);
	return code;
}

enum exit_code cmd_restore(const struct command_line *c)
{
	struct store *s = NULL;
	char buf[PATH_MAX], *end = NULL;
	const char *vault, *text = c->argc > 0 ? c->argv[0] : "";
	uint64_t number;
	enum exit_code code = target_vault(&vault, named(c, 1), buf);
	int err;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '1' || *text > '9' || *end != '\0' || errno != 0)
		return msg_fail(EXIT_USAGE,
				"restore: name the number of an older vault; "
				"see 'tazpod history'");
	if (code != EXIT_DONE)
		return code;
	err = store_open(&s, vault);
	if (err == -ENOENT)
		err = store_create(&s, vault);
	if (err == -EAGAIN)
		return msg_fail(EXIT_IN_USE,
				"%s: mounted; 'tazpod lock' it first", vault);
	if (err != 0)
		return msg_fail(EXIT_FAILED, "%s: %s", vault, msg_error(err));
	code = restore(s, vault, number);
	if (code == EXIT_DONE && !c->quiet)
		(void)printf("%s: restored %" PRIu64
			     "; what was there is kept, "
			     "see 'tazpod history'\n",
			     store_path(s), number);
	store_close(s);
	return code;
}
