/* SPDX-License-Identifier: MIT */
/* An older vault, or another file, in a vault's place. */
#include "commands.h"

#include "crypto/seal.h"
#include "fs/history.h"
#include "target.h"
#include "tools/vault/seen.h"
#include "tools/vault/statedir.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than any vault has. */
#define ANY_SIZE (UINT64_C(1) << 41)

/* What is to take the vault's place. */
struct substitute {
	bool has_kept;	  /* what was in the vault's place */
	const char *text; /* as the user named it */
	uint64_t number;  /* of a generation; 0: it is a file */
	struct store *file;
	struct blob sealed;
	struct seal_params params;
};

/* The envelope of b; a vault of format 1 if it has none that makes sense. */
static struct seal_params params_of(const struct blob *b)
{
	struct seal_params p;

	if (seal_parse(&p, b) != 0)
		p = (struct seal_params){.format = 1};
	return p;
}

/* Is it a whole number, and no name of a file? */
static bool is_number(const char *text)
{
	return text[strspn(text, "0123456789")] == '\0';
}

static enum exit_code parse(struct substitute *sub, const char *text)
{
	char *end;

	*sub = (struct substitute){.text = text};
	if (!is_number(text))
		return EXIT_DONE;
	errno = 0;
	sub->number = strtoull(text, &end, 10);
	if (*text < '1' || errno != 0)
		return msg_fail(EXIT_USAGE,
				"restore: name the number of an older vault or "
				"a file; see 'tazpod history'");
	return EXIT_DONE;
}

static enum exit_code complain_file(int err, const char *path)
{
	if (err == -EISDIR || err == -ENOTSUP)
		return msg_fail(EXIT_DAMAGED,
				"%s: not a vault: it is not a regular file",
				path);
	return msg_fail(EXIT_FAILED, "%s: cannot be read: %s", path,
			msg_error(err));
}

/* Read what sub names; s is the vault's. */
static enum exit_code load(struct substitute *sub, const struct store *s)
{
	int err;

	if (sub->number != 0) {
		err = history_load(&sub->sealed, s, sub->number, ANY_SIZE);
		if (err != 0)
			return msg_fail(EXIT_FAILED,
					"%s: no older vault %" PRIu64
					" (%s); see 'tazpod history'",
					store_path(s), sub->number,
					msg_error(err));
	} else {
		err = store_open_readonly(&sub->file, sub->text);
		if (err == 0 &&
		    strcmp(store_path(sub->file), store_path(s)) == 0)
			return msg_fail(EXIT_USAGE,
					"%s: is the vault itself; name what is "
					"to take its place",
					sub->text);
		if (err == 0)
			err = store_load(&sub->sealed, sub->file, ANY_SIZE);
		if (err != 0)
			return complain_file(err, sub->text);
	}
	if (seal_parse(&sub->params, &sub->sealed) == 0)
		return EXIT_DONE;
	if (sub->number != 0)
		return msg_fail(EXIT_DAMAGED,
				"%s: what is kept as %" PRIu64 " is no vault",
				store_path(s), sub->number);
	return msg_fail(EXIT_DAMAGED, "%s: is no vault, or damaged", sub->text);
}

/*
 * May a file take the place of now?  Format 1 has nothing to tell a vault by,
 * so where there was a header, one is wanted.
 */
static enum exit_code check_kin(const struct substitute *sub,
				const struct blob *now, const char *vault)
{
	const struct seal_params p = params_of(now);

	if (sub->file == NULL || p.format != 2)
		return EXIT_DONE;
	if (sub->params.format == 2 &&
	    memcmp(sub->params.id, p.id, sizeof(p.id)) == 0)
		return EXIT_DONE;
	return msg_fail(EXIT_FAILED,
			"%s: is another vault than %s, or none; if it shall "
			"take its place all the same, move that away and run "
			"'cp %s %s'",
			sub->text, vault, sub->text, vault);
}

/* Keep what is there, in one way or another. */
static int keep(struct store *s, const struct blob *now, bool in_place)
{
	const struct history_policy all = {.keep = UINT_MAX};
	const uint64_t number = params_of(now).generation;
	int err = in_place ? -EPERM : history_keep(s, &all, number);

	if (err != 0 && store_has_no_links(-err))
		err = history_copy(s, now, number);
	return err;
}

/* Put sub in the vault's place; what is there is kept first. */
static enum exit_code replace(struct store *s, struct substitute *sub,
			      bool in_place)
{
	enum exit_code code = EXIT_DONE;
	struct blob now = {0};
	int err = store_load(&now, s, ANY_SIZE);

	if (err == 0) {
		code = check_kin(sub, &now, store_path(s));
		if (code == EXIT_DONE)
			err = keep(s, &now, in_place);
		sub->has_kept = code == EXIT_DONE && err == 0;
	}
	blob_free(&now);
	if (code != EXIT_DONE)
		return code;
	if (err == 0 || err == -ENOENT)
		err = store_save(s, &sub->sealed);
	if (err != 0)
		return msg_fail(EXIT_FAILED,
				"%s: cannot be replaced: %s; it is as it was",
				store_path(s), msg_error(err));
	/* Somebody wants this one, so the next mount shall not object. */
	err = seen_accept(&sub->params);
	if (err != 0)
		msg_say("%s: its generation cannot be noted (%s); if the next "
			"mount refuses it, give -o rollback",
			store_path(s), strerror(-err));
	return EXIT_DONE;
}

/*
 * Is it one of the files that a mount leaves when it cannot save in the
 * vault's place?  It has served then.
 */
static bool is_leftover(const struct substitute *sub, const struct store *s)
{
	const char *path = store_path(sub->file), *vault = store_path(s);
	const size_t len = strlen(vault);

	if (strncmp(path, vault, len) != 0 || strchr(path + len, '/') != NULL)
		return statedir_holds(path, "rescue");
	return strncmp(path + len, ".conflict-", 10) == 0 ||
	       strncmp(path + len, ".rescue-", 8) == 0;
}

static void report(const struct substitute *sub, const struct store *s,
		   bool quiet)
{
	const char *gone = "";

	if (sub->file != NULL && is_leftover(sub, s)) {
		if (unlink(store_path(sub->file)) == 0)
			gone = ", which is removed";
		else
			msg_say("%s: cannot be removed: %s; it is in its place "
				"now",
				sub->text, strerror(errno));
	}
	if (!quiet)
		(void)printf("%s: restored %s%s%s\n", store_path(s), sub->text,
			     gone,
			     sub->has_kept ? "; what was there is kept, see "
					     "'tazpod history'"
					   : "");
}

enum exit_code cmd_restore(const struct command_line *c)
{
	struct substitute sub;
	struct store *s = NULL;
	char buf[PATH_MAX];
	const char *vault;
	bool in_place;
	enum exit_code code = parse(&sub, c->argc > 0 ? c->argv[0] : "");
	int err;

	if (code == EXIT_DONE)
		code = target_vault(&vault, c->argc > 1 ? c->argv[1] : c->vault,
				    buf);
	if (code != EXIT_DONE)
		return code;
	err = store_open(&s, vault);
	in_place = err == -EBUSY;
	if (err == -ENOENT)
		err = store_create(&s, vault);
	else if (in_place)
		err = store_open_in_place(&s, vault);
	if (err == -EAGAIN)
		return msg_fail(EXIT_IN_USE,
				"%s: mounted; 'tazpod lock' it first", vault);
	if (err != 0)
		return msg_fail(EXIT_FAILED, "%s: %s", vault, msg_error(err));
	code = load(&sub, s);
	if (code == EXIT_DONE)
		code = replace(s, &sub, in_place);
	if (code == EXIT_DONE)
		report(&sub, s, c->quiet);
	blob_free(&sub.sealed);
	store_close(sub.file);
	store_close(s);
	return code;
}
