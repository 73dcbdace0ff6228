/* SPDX-License-Identifier: MIT */
#include "status.h"

#include "tools/control/control.h"
#include "tools/machine/protection.h"
#include "tools/mounts/stale.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	NS_PER_SECOND = 1000000000,
	KIB = 1 << 10,
	MIB = 1 << 20,
	ERRNO_MAX = 4095, /* as the kernel has it */
};

/* The error of the last seal, 0 or -errno. */
static int error_of(const char *body)
{
	uint64_t n = control_number(body, "last_error");

	return n <= ERRNO_MAX ? -(int)n : -EIO;
}

static const char *state_of(const char *body)
{
	if (control_number(body, "read_only") != 0)
		return "read-only";
	if (control_number(body, "sealing") != 0)
		return "sealing";
	return control_number(body, "dirty") != 0 ? "dirty" : "clean";
}

/* bytes with a unit, into buf. */
static const char *human(char buf[static 32], uint64_t bytes)
{
	if (bytes / KIB < 10)
		(void)snprintf(buf, 32, "%" PRIu64 " bytes", bytes);
	else if (bytes / MIB < 10)
		(void)snprintf(buf, 32, "%" PRIu64 " KiB", bytes / KIB);
	else
		(void)snprintf(buf, 32, "%" PRIu64 " MiB", bytes / MIB);
	return buf;
}

/* Another user's mount may have any name.  The caller frees it. */
static char *clean_path(const char *path)
{
	char *clean = strdup(path);

	if (clean != NULL)
		msg_clean(clean);
	return clean;
}

static void print_count(FILE *out, const char *body, const char *key,
			const char *one, const char *many)
{
	uint64_t n = control_number(body, key);

	(void)fprintf(out, "%" PRIu64 " %s, ", n, n == 1 ? one : many);
}

static void print_envelope(FILE *out, const char *body)
{
	const uint64_t ns = control_number(body, "sealed_ns");
	const time_t sealed = (time_t)(ns / NS_PER_SECOND);
	char when[64] = "";
	struct tm tm;

	if (ns != 0 && localtime_r(&sealed, &tm) != NULL)
		(void)strftime(when, sizeof(when), ", sealed %F %T", &tm);
	(void)fprintf(out, "format      %" PRIu64,
		      control_number(body, "format"));
	if (control_number(body, "generation") != 0)
		(void)fprintf(out, ", generation %" PRIu64 "%s",
			      control_number(body, "generation"), when);
	(void)putc('\n', out);
}

/* A word of the daemon's, of which a terminal gets nothing that it obeys. */
static void clean_text(char text[static 256], const char *body, const char *key)
{
	control_text(text, 256, body, key);
	msg_clean(text);
}

/* What the daemon has given up, as it was read back from the kernel. */
static void print_sandbox(FILE *out, const char *body)
{
	static const struct {
		const char *key, *name;
	} parts[] = {
		{"no_new_privs", "no new privileges"},
		{"seccomp", "seccomp"},
		{"landlock", "landlock"},
		{"dumpable", "dumpable"},
	};
	char text[256];

	(void)fprintf(out, "sandbox     ");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		clean_text(text, body, parts[i].key);
		(void)fprintf(out, "%s%s: %s", i > 0 ? ", " : "", parts[i].name,
			      text);
		if (strcmp(parts[i].key, "landlock") == 0 &&
		    strcmp(text, "yes") == 0)
			(void)fprintf(out, " (ABI %" PRIu64 ")",
				      control_number(body, "landlock_abi"));
	}
	(void)fprintf(out, ", core files: %s\n",
		      control_number(body, "core_bytes") != 0 ? "yes" : "no");
	clean_text(text, body, "capabilities");
	(void)fprintf(out, "rights      %s\n", text[0] != '\0' ? text : "none");
}

/* How what the daemon holds is protected. */
static void print_memory(FILE *out, const char *body)
{
	const uint64_t secret = control_number(body, "secret_bytes");
	const uint64_t encrypted = control_number(body, "encrypted_bytes");
	char text[32];

	(void)fprintf(out, "locked      %s of memory",
		      human(text, control_number(body, "locked_bytes")));
	if (secret > 0)
		(void)fprintf(out, ", %s of it secret", human(text, secret));
	(void)putc('\n', out);
	if (encrypted > 0)
		(void)fprintf(out,
			      "encrypted   %s in memory that is not locked\n",
			      human(text, encrypted));
}

/* ms as hours, minutes and seconds, the largest two of them, into buf. */
static const char *human_ms(char buf[static 32], uint64_t ms)
{
	const uint64_t s = (ms + 500) / 1000;

	if (s >= 3600)
		(void)snprintf(buf, 32, "%" PRIu64 " h %" PRIu64 " min",
			       s / 3600, s / 60 % 60);
	else if (s >= 120)
		(void)snprintf(buf, 32, "%" PRIu64 " min", s / 60);
	else
		(void)snprintf(buf, 32, "%" PRIu64 " s", s);
	return buf;
}

/* When it is going to lock itself, if it is. */
static void print_locks(FILE *out, const char *body)
{
	const uint64_t leases = control_number(body, "leases");
	const char *between = "locks       ";
	char text[32];

	if (control_number(body, "idle_ms") != 0) {
		(void)fprintf(out, "%sunused for %s", between,
			      human_ms(text, control_number(body, "idle_ms")));
		(void)fprintf(
			out, ": in %s at the earliest",
			human_ms(text, control_number(body, "idle_left_ms")));
		between = "\n            ";
	}
	if (control_number(body, "ttl_ms") != 0) {
		(void)fprintf(
			out, "%sin %s, used or not", between,
			human_ms(text, control_number(body, "ttl_left_ms")));
		between = "\n            ";
	}
	if (control_number(body, "lease_only") != 0) {
		(void)fprintf(out, "%swhen the last lease ends", between);
		between = "\n            ";
	}
	if (strchr(between, '\n') != NULL)
		(void)putc('\n', out);
	if (leases > 0)
		(void)fprintf(out, "leases      %" PRIu64 "\n", leases);
}

/* What holds for it, promise by promise, if it says how it is shown. */
static void print_protection(FILE *out, const char *body)
{
	struct circumstances c;
	const enum rung r = protection_of(&c, body);

	if (r == RUNG_NONE)
		return;
	(void)fprintf(out, "protection  %s\n", rung_title(r));
	protection_print(out, r, &c);
}

static void print_answer(FILE *out, const char *body)
{
	char used[32], limit[32];

	print_envelope(out, body);
	(void)fprintf(out, "state       %s\n", state_of(body));
	if (error_of(body) != 0)
		(void)fprintf(out, "last seal   failed: %s\n",
			      msg_error(error_of(body)));
	(void)fprintf(out, "contents    ");
	print_count(out, body, "files", "file", "files");
	print_count(out, body, "folders", "folder", "folders");
	(void)fprintf(out, "%s of %s\n",
		      human(used, control_number(body, "used_bytes")),
		      human(limit, control_number(body, "limit_bytes")));
	if (control_number(body, "skipped") != 0)
		(void)fprintf(out,
			      "not kept    %" PRIu64 " sockets or "
			      "devices\n",
			      control_number(body, "skipped"));
	print_locks(out, body);
	print_memory(out, body);
	(void)fprintf(
		out, "daemon      pid %" PRIu64 "%s\n",
		control_number(body, "pid"),
		control_number(body, "replaced") != 0
			? ", of an older program than is installed, until "
			  "the next unlock"
			: "");
	print_sandbox(out, body);
	print_protection(out, body);
}

void status_text(FILE *out, const struct mounted *m, const char *body,
		 bool is_dead)
{
	char *vault = clean_path(m->vault);
	char *dir = m->dir != NULL ? clean_path(m->dir) : NULL;

	if (vault != NULL)
		(void)fprintf(out, "vault       %s\n", vault);
	if (dir != NULL)
		(void)fprintf(out, "mounted at  %s\n", dir);
	else
		(void)fprintf(out, "mounted at  nowhere any more: its daemon "
				   "is saving the last changes\n");
	if (is_dead)
		(void)fprintf(out,
			      "state       dead: its daemon has died; 'tazpod "
			      "lock %s', or unlocking there, ends it\n",
			      dir != NULL ? dir : "");
	else if (body == NULL)
		(void)fprintf(out,
			      "state       its daemon does not answer; end it "
			      "with 'umount %s'\n",
			      dir != NULL ? dir : "");
	else
		print_answer(out, body);
	free(vault);
	free(dir);
}

/* Paths are bytes; those that are not UTF-8 lose what JSON cannot say. */
static json_t *json_path(const char *path)
{
	json_t *s = json_string(path);
	char *copy;

	if (s != NULL)
		return s;
	copy = strdup(path);
	for (char *p = copy; p != NULL && *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	s = copy != NULL ? json_string(copy) : NULL;
	free(copy);
	return s;
}

static void add_protection(json_t *o, const char *body)
{
	struct circumstances c;
	const enum rung r = protection_of(&c, body);

	if (r == RUNG_NONE)
		return;
	(void)json_object_set_new(o, "rung", json_string(rung_name(r)));
	(void)json_object_set_new(o, "promises", protection_json(r, &c));
}

json_t *status_json(const struct mounted *m, const char *body, bool is_dead)
{
	static const char *const numbers[] = {
		"pid",
		"format",
		"generation",
		"sealed_ns",
		"disk_ms",
		"last_error",
		"leases",
		"idle_ms",
		"idle_left_ms",
		"ttl_ms",
		"ttl_left_ms",
		"used_bytes",
		"limit_bytes",
		"files",
		"folders",
		"limit_inodes",
		"locked_bytes",
		"secret_bytes",
		"encrypted_bytes",
		"requests",
		"skipped",
		"landlock_abi",
		"core_bytes",
	};
	static const char *const texts[] = {"no_new_privs", "seccomp",
					    "landlock", "capabilities",
					    "dumpable"};
	json_t *o = json_object();
	char text[256];

	(void)json_object_set_new(o, "vault", json_path(m->vault));
	(void)json_object_set_new(
		o, "mount", m->dir != NULL ? json_path(m->dir) : json_null());
	(void)json_object_set_new(o, "answers", json_boolean(body != NULL));
	if (is_dead)
		(void)json_object_set_new(o, "state", json_string("dead"));
	if (body == NULL)
		return o;
	(void)json_object_set_new(o, "state", json_string(state_of(body)));
	(void)json_object_set_new(
		o, "lease_only",
		json_boolean(control_number(body, "lease_only") != 0));
	(void)json_object_set_new(
		o, "program_replaced",
		json_boolean(control_number(body, "replaced") != 0));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)json_object_set_new(
			o, numbers[i],
			json_integer(
				(json_int_t)control_number(body, numbers[i])));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		control_text(text, sizeof(text), body, texts[i]);
		(void)json_object_set_new(o, texts[i], json_string(text));
	}
	add_protection(o, body);
	return o;
}

/* Ask m's daemon.  The caller frees the body, which is NULL without answer. */
static char *ask(const struct mounted *m, bool *is_dead)
{
	struct control_answer answer = {0};
	int err = control_ask(&answer, m->owner, m->dev, "status");

	/* One that hangs would let us hang, too, if we looked at its mount. */
	*is_dead = err != 0 && err != -ETIMEDOUT && stale_is_dead(m);
	return err == 0 ? answer.body : NULL;
}

/* What has been shown so far. */
struct shown {
	json_t *all; /* NULL: as text */
	size_t count;
	bool is_silent; /* somebody has not answered */
};

static void show(struct shown *s, const struct mounted *m, const char *body,
		 bool is_dead)
{
	s->is_silent = s->is_silent || body == NULL;
	if (s->all != NULL) {
		(void)json_array_append_new(s->all,
					    status_json(m, body, is_dead));
	} else {
		if (s->count > 0)
			(void)putchar('\n');
		status_text(stdout, m, body, is_dead);
	}
	s->count++;
}

/* Daemons of this user whose mounts have gone, but not what they hold. */
static void show_gone(struct shown *s)
{
	enum { GONE_MAX = 64 };
	pid_t pids[GONE_MAX];
	const size_t count = control_list_gone(pids, GONE_MAX, geteuid());

	for (size_t i = 0; i < count; i++) {
		struct control_answer answer = {0};
		char vault[PATH_MAX];
		const struct mounted gone = {.vault = vault};

		if (control_ask_gone(&answer, geteuid(), pids[i], "status") !=
		    0)
			continue;
		control_text(vault, sizeof(vault), answer.body, "vault");
		show(s, &gone, answer.body, false);
		free(answer.body);
	}
}

enum exit_code status_print(const struct mounted *m, const struct mounted *one,
			    bool json)
{
	struct shown s = {.all = json ? json_array() : NULL};

	for (; m != NULL; m = m->next) {
		bool is_dead;
		char *body;

		if (one != NULL ? m != one
				: m->is_part || (m->owner != geteuid() &&
						 geteuid() != 0))
			continue;
		body = ask(m, &is_dead);
		show(&s, m, body, is_dead);
		free(body);
	}
	if (one == NULL)
		show_gone(&s);
	if (json) {
		(void)json_dumpf(s.all, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(s.all);
	} else if (s.count == 0) {
		(void)puts("no vault is mounted");
	}
	if (fflush(stdout) != 0)
		return msg_fail(EXIT_FAILED, "standard output: %s",
				strerror(errno));
	return one != NULL && s.is_silent ? EXIT_FAILED : EXIT_DONE;
}
