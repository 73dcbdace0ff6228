/* SPDX-License-Identifier: MIT */
/* What this machine has, what it will be used for, and what would be better. */
#include "commands.h"

#include "tools/machine/facts.h"
#include "tools/machine/machine.h"
#include "tools/machine/protection.h"
#include "tools/machine/reach.h"
#include "tools/machine/rung.h"
#include "tools/options.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is found, and what follows from it. */
struct diagnosis {
	struct machine m;
	enum backend_kind wanted;
	enum rung unlock, run; /* what these commands would take */
};

static struct circumstances circumstances(const struct diagnosis *d,
					  enum rung r)
{
	return (struct circumstances){
		.swap_on = d->m.swap_on,
		.admin_access = d->m.admin_access,
		.own_namespace = rung_needs_userns(&d->m, r),
	};
}

/* Does that backend ever lead to rung r? */
static bool is_wanted(enum backend_kind wanted, enum rung r)
{
	switch (wanted) {
	case BACKEND_FUSE:
		return r <= RUNG_FUSE_USERNS;
	case BACKEND_TMPFS:
		return r == RUNG_TMPFS || r == RUNG_TMPFS_SWAP;
	case BACKEND_RAMFS:
		return r == RUNG_RAMFS;
	default:
		return true;
	}
}

/*
 * Would r be better than what is had?  FUSE by root and by fusermount3 are the
 * same step, and a tmpfs that is swapped out lacks what one lacks that is not.
 */
static bool is_better(const struct diagnosis *d, enum rung r)
{
	const bool by_run = r == RUNG_FUSE_USERNS || r == RUNG_RAMFS;
	const enum rung best = by_run ? d->run : d->unlock;

	if (!is_wanted(d->wanted, r) || r == RUNG_FUSERMOUNT ||
	    r == RUNG_TMPFS_SWAP)
		return false;
	if (best == RUNG_NONE)
		return true;
	return r < best && !(r == RUNG_FUSE && best == RUNG_FUSERMOUNT);
}

static void print_rung(const char *command, enum rung r)
{
	(void)printf("%-11s %s\n", command,
		     r != RUNG_NONE ? rung_title(r)
				    : "nothing that could show a vault");
}

static void print_promises(const struct diagnosis *d, const char *command,
			   enum rung r)
{
	const struct circumstances c = circumstances(d, r);

	if (r == RUNG_NONE)
		return;
	(void)printf("\nwhat holds after %s\n", command);
	protection_print(stdout, r, &c);
}

/* One line for each better rung. */
static void print_better(const struct diagnosis *d)
{
	const char *title = "\nwhat would be better\n";

	for (enum rung r = RUNG_FUSE; r < RUNG_COUNT; r++) {
		struct reach reach;

		if (!is_better(d, r))
			continue;
		reach_explain(&reach, &d->m, r);
		(void)printf("%s  %s: %s; %s\n", title, rung_name(r), reach.why,
			     reach.how);
		title = "";
	}
}

static bool has_memory(const struct machine *m)
{
	return m->lockable >> 10 >= MSG_LEAST_KIB;
}

static void print_text(const struct diagnosis *d)
{
	facts_print(stdout, &d->m);
	(void)putchar('\n');
	print_rung("unlock", d->unlock);
	print_rung("run, shell", d->run);
	print_promises(d, "unlock", d->unlock);
	if (d->run != d->unlock)
		print_promises(d, "run, shell", d->run);
	print_better(d);
}

/* Every rung, as it is here; those that cannot be had, too. */
static json_t *all_rungs(const struct diagnosis *d)
{
	json_t *all = json_array();

	for (enum rung r = RUNG_FUSE; r < RUNG_COUNT; r++) {
		const struct circumstances c = circumstances(d, r);
		json_t *o = json_object();

		(void)json_object_set_new(o, "rung", json_string(rung_name(r)));
		(void)json_object_set_new(o, "title",
					  json_string(rung_title(r)));
		(void)json_object_set_new(o, "promises",
					  protection_json(r, &c));
		(void)json_array_append_new(all, o);
	}
	return all;
}

static json_t *better(const struct diagnosis *d)
{
	json_t *all = json_array();

	for (enum rung r = RUNG_FUSE; r < RUNG_COUNT; r++) {
		struct reach reach;
		json_t *o;

		if (!is_better(d, r))
			continue;
		reach_explain(&reach, &d->m, r);
		o = json_object();
		(void)json_object_set_new(o, "rung", json_string(rung_name(r)));
		(void)json_object_set_new(o, "why", json_string(reach.why));
		(void)json_object_set_new(o, "how", json_string(reach.how));
		(void)json_array_append_new(all, o);
	}
	return all;
}

static void print_json(const struct diagnosis *d)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "facts", facts_json(&d->m));
	(void)json_object_set_new(o, "unlock",
				  json_string(rung_name(d->unlock)));
	(void)json_object_set_new(o, "run", json_string(rung_name(d->run)));
	(void)json_object_set_new(o, "rungs", all_rungs(d));
	(void)json_object_set_new(o, "better", better(d));
	(void)json_dumpf(o, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(o);
}

/* The backend that was asked for. */
static enum exit_code wanted(enum backend_kind *ret,
			     const struct command_line *c)
{
	struct options o;
	char *list = command_options(c);
	enum exit_code code;

	if (list == NULL)
		return msg_fail(EXIT_FAILED, "out of memory");
	options_init(&o);
	code = options_parse(&o, list);
	*ret = o.backend;
	options_free(&o);
	free(list);
	return code;
}

static enum exit_code verdict(const struct diagnosis *d)
{
	if (d->run == RUNG_NONE)
		return msg_fail(EXIT_MOUNT,
				"no vault can be mounted here; 'tazpod doctor' "
				"says what would be needed");
	return has_memory(&d->m) ? EXIT_DONE : msg_fail_memory("any vault");
}

enum exit_code cmd_doctor(const struct command_line *c)
{
	struct diagnosis d = {0};
	enum exit_code code = wanted(&d.wanted, c);

	if (code != EXIT_DONE)
		return code;
	machine_probe(&d.m);
	d.unlock = rung_choose(&d.m, d.wanted, false);
	d.run = rung_choose(&d.m, d.wanted, true);
	if (c->json)
		print_json(&d);
	else
		print_text(&d);
	if (fflush(stdout) != 0)
		return msg_fail(EXIT_FAILED, "standard output: %s",
				strerror(errno));
	return verdict(&d);
}
