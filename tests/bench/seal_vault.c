/* SPDX-License-Identifier: MIT */
#include "seal.h"

#include "tools/control/control.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WORDS = 4096, WORD_MAX = 10 };

const struct kind kinds[KINDS] = {
	{"64 KiB", 64 << 10, 24, 1, 16 << 10},
	{"1 MiB", 1 << 20, 40, 2, 128 << 10},
	{"64 MiB", 64 << 20, 278, 22, 1 << 20},
};

uint32_t any(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 24);
}

void letters(char *buf, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i++)
		buf[i] = digits[any() % 64];
}

/* Common words more often than rare ones, as texts have them. */
static void words(char *buf, size_t len)
{
	static char list[WORDS][WORD_MAX + 1];

	for (unsigned i = 0; list[WORDS - 1][0] == '\0' && i < WORDS; i++)
		for (unsigned j = 0, n = 3 + any() % 8; j < n; j++)
			list[i][j] = (char)('a' + any() % 26);
	for (size_t at = 0; at < len;) {
		const char *word = list[any() % (1 + any() % WORDS)];
		size_t n = strlen(word);

		if (n > len - at)
			n = len - at;
		memcpy(buf + at, word, n);
		at += n;
		if (at < len)
			buf[at++] = any() % 12 == 0 ? '\n' : ' ';
	}
}

static void fill_file(const struct place *p, const char *name, size_t size,
		      bool is_text)
{
	int fd = openat(p->top, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	char *buf = malloc(size);

	must(fd >= 0 && buf != NULL, name);
	if (is_text)
		words(buf, size);
	else
		letters(buf, size);
	must(write(fd, buf, size) == (ssize_t)size, name);
	must(close(fd) == 0, name);
	free(buf);
}

static void fill(struct place *p)
{
	const struct kind *k = p->kind;
	size_t left = k->content;

	for (unsigned i = 0; i < 10; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "d%u", i);
		must(mkdirat(p->top, name, 0755) == 0, name);
	}
	for (unsigned i = 0; i < k->large; i++) {
		(void)snprintf(p->large[i].name, sizeof(p->large[i].name),
			       "d%u/large-%u", i % 10, i);
		p->large[i].size = k->unit * (1 + i % 4);
		left -= p->large[i].size;
		fill_file(p, p->large[i].name, p->large[i].size, i % 2 == 0);
	}
	for (unsigned i = 0; i < k->small; i++) {
		/* From a quarter of the mean to all but twice that. */
		size_t size = left / (k->small - i);

		if (i < k->small - 1 && size > 2 * CHANGE)
			size = size / 4 + any() % (size * 3 / 2);
		if (size < CHANGE)
			size = CHANGE;
		(void)snprintf(p->small[i].name, sizeof(p->small[i].name),
			       "d%u/small-%u", i % 10, i);
		p->small[i].size = size;
		left -= size < left ? size : left;
		fill_file(p, p->small[i].name, size, i % 2 == 0);
	}
}

/* Run a program to its end. */
static void run(char *const argv[])
{
	pid_t pid;
	int status;

	must(posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) == 0,
	     argv[0]);
	must(waitpid(pid, &status, 0) == pid, argv[0]);
	must(WIFEXITED(status) && WEXITSTATUS(status) == 0, argv[0]);
}

static struct control_answer ask(const struct place *p, const char *word)
{
	struct control_answer answer = {0};
	struct stat st;

	must(fstat(p->top, &st) == 0, "mnt");
	must(control_ask(&answer, geteuid(), st.st_dev, word) == 0 &&
		     answer.err == 0,
	     word);
	return answer;
}

static char *joined(const char *a, const char *b)
{
	char *s;

	must(asprintf(&s, "%s/%s", a, b) > 0, b);
	return s;
}

double place_mount(struct place *p, const char *options)
{
	char *program = joined(p->programs, "tazpodfs");
	char *vault = joined(p->path, "vault"), *mnt = joined(p->path, "mnt");
	struct control_answer answer;
	char *o;
	double start;

	must(asprintf(&o, "passfile=%s/pass,size=256M%s%s", p->path,
		      options[0] != '\0' ? "," : "", options) > 0,
	     "memory");
	start = now_us();
	run((char *[]){program, (char *)"-o", o, vault, mnt, NULL});
	start = now_us() - start;
	p->top = open(mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(p->top >= 0, mnt);
	answer = ask(p, "status");
	p->daemon = (pid_t)control_number(answer.body, "pid");
	free(answer.body);
	free(program);
	free(vault);
	free(mnt);
	free(o);
	return start;
}

void place_lock(struct place *p)
{
	free(ask(p, "lock").body);
	(void)close(p->top);
	p->top = -1;
}

static void read_file(const struct place *p, const char *name)
{
	char buf[1 << 16];
	int fd = openat(p->top, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	must(fd >= 0, name);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		;
	must(n == 0, name);
	(void)close(fd);
}

void place_read(const struct place *p)
{
	for (unsigned i = 0; i < p->kind->small; i++)
		read_file(p, p->small[i].name);
	for (unsigned i = 0; i < p->kind->large; i++)
		read_file(p, p->large[i].name);
}

double place_lock_by_command(struct place *p)
{
	char *program = joined(p->programs, "tazpod");
	char *mnt = joined(p->path, "mnt");
	double start;

	(void)close(p->top);
	p->top = -1;
	start = now_us();
	run((char *[]){program, (char *)"lock", (char *)"--quiet", mnt, NULL});
	start = now_us() - start;
	free(program);
	free(mnt);
	return start;
}

/* Remove the vault that was there before, with all that is kept of it. */
static void remove_vault(const struct place *p)
{
	int fd = openat(p->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	must(d != NULL, p->path);
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		if (strncmp(e->d_name, "vault", 5) == 0)
			must(unlinkat(p->folder, e->d_name, 0) == 0, e->d_name);
	(void)closedir(d);
}

void place_make(struct place *p, const struct kind *kind)
{
	remove_vault(p);
	p->kind = kind;
	(void)place_mount(p, "create,seal=off");
	fill(p);
	place_lock(p);
}

size_t place_sealed(const struct place *p)
{
	struct stat st;

	must(fstatat(p->folder, "vault", &st, 0) == 0, "vault");
	return (size_t)st.st_size;
}

uint64_t place_seals(const struct place *p)
{
	struct control_answer answer = ask(p, "status");
	uint64_t seals = control_number(answer.body, "generation");

	free(answer.body);
	return seals;
}

/* The line of a thread's file in /proc that begins with key, behind that. */
static bool find_line(char line[static 128], const struct place *p,
		      const char *file, const char *key)
{
	char path[64];
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", p->daemon, file);
	f = fopen(path, "re");
	must(f != NULL, path);
	while (!found && fgets(line, 128, f) != NULL)
		found = strncmp(line, key, strlen(key)) == 0;
	(void)fclose(f);
	if (found)
		memmove(line, line + strlen(key),
			strlen(line + strlen(key)) + 1);
	return found;
}

static uint64_t number_in(const struct place *p, const char *file,
			  const char *key)
{
	char line[128];

	must(find_line(line, p, file, key), key);
	return strtoull(line, NULL, 10);
}

struct usage place_usage(const struct place *p)
{
	struct usage u = {0};
	char path[64];
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", p->daemon);
	d = opendir(path);
	must(d != NULL, path);
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		char file[300];

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(file, sizeof(file), "task/%s/schedstat",
			       e->d_name);
		u.cpu_us += (double)number_in(p, file, "") / 1e3;
		(void)snprintf(file, sizeof(file), "task/%s/status", e->d_name);
		u.switches += number_in(p, file, "voluntary_ctxt_switches:");
		u.switches += number_in(p, file, "nonvoluntary_ctxt_switches:");
	}
	(void)closedir(d);
	return u;
}

uint64_t place_field(const struct place *p, const char *name)
{
	return number_in(p, "status", name);
}
