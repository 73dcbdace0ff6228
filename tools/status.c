/* SPDX-License-Identifier: MIT */
#include "status.h"

#include "control.h"
#include "stale.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
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
	print_memory(out, body);
	(void)fprintf(out, "daemon      pid %" PRIu64 "\n",
		      control_number(body, "pid"));
	print_sandbox(out, body);
}

void status_text(FILE *out, const struct mounted *m, const char *body,
		 bool is_dead)
{
	char *vault = clean_path(m->vault), *dir = clean_path(m->dir);

	if (vault != NULL && dir != NULL) {
		(void)fprintf(out, "vault       %s\n", vault);
		(void)fprintf(out, "mounted at  %s\n", dir);
	}
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

json_t *status_json(const struct mounted *m, const char *body, bool is_dead)
{
	static const char *const numbers[] = {
		"pid",
		"format",
		"generation",
		"sealed_ns",
		"last_error",
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
	(void)json_object_set_new(o, "mount", json_path(m->dir));
	(void)json_object_set_new(o, "answers", json_boolean(body != NULL));
	if (is_dead)
		(void)json_object_set_new(o, "state", json_string("dead"));
	if (body == NULL)
		return o;
	(void)json_object_set_new(o, "state", json_string(state_of(body)));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)json_object_set_new(
			o, numbers[i],
			json_integer(
				(json_int_t)control_number(body, numbers[i])));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		control_text(text, sizeof(text), body, texts[i]);
		(void)json_object_set_new(o, texts[i], json_string(text));
	}
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

enum exit_code status_print(const struct mounted *m, const struct mounted *one,
			    bool json)
{
	json_t *all = json ? json_array() : NULL;
	bool silent = false;
	size_t shown = 0;

	for (; m != NULL; m = m->next) {
		bool is_dead;
		char *body;

		if (one != NULL ? m != one
				: m->owner != geteuid() && geteuid() != 0)
			continue;
		body = ask(m, &is_dead);
		silent = silent || body == NULL;
		if (json) {
			(void)json_array_append_new(
				all, status_json(m, body, is_dead));
		} else {
			if (shown > 0)
				(void)putchar('\n');
			status_text(stdout, m, body, is_dead);
		}
		shown++;
		free(body);
	}
	if (json) {
		(void)json_dumpf(all, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(all);
	} else if (shown == 0) {
		(void)puts("no vault is mounted");
	}
	if (fflush(stdout) != 0)
		return msg_fail(EXIT_FAILED, "standard output: %s",
				strerror(errno));
	return one != NULL && silent ? EXIT_FAILED : EXIT_DONE;
}
