/* SPDX-License-Identifier: MIT */
#include "crypto/crypto.h"
#include "version.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	VERSION_LAST = 99,	 /* saved at the end of every scene */
	VERSION_RECOVERED = 900, /* ... by who comes after it */
};

struct stage *stage;
void (*broken_hook)(void);
char scene_folder[PATH_MAX];

_Noreturn void broken(const char *format, ...)
{
	char text[sizeof(stage->broken)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (stage != NULL)
		memcpy(stage->broken, text, sizeof(text));
	else
		(void)fprintf(stderr, "# %s\n", text);
	if (broken_hook != NULL)
		broken_hook();
	_exit(1);
}

int scene_run(void (*f)(const struct scene *), const struct scene *scene)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(120);
		if (crypto_start() != 0)
			broken("memory cannot be locked");
		f(scene);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

/* The name of a copy that is kept beside the vault; false: there is none. */
static bool find_beside(char name[static NAME_MAX + 1])
{
	DIR *d = opendir(scene_folder);
	const struct dirent *e;

	name[0] = '\0';
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "v.conflict-", 11) == 0 &&
		    strcmp(e->d_name, name) > 0)
			(void)snprintf(name, NAME_MAX + 1, "%s", e->d_name);
	if (d != NULL)
		(void)closedir(d);
	return name[0] != '\0';
}

static bool is_within(unsigned version, const struct range *r)
{
	return version >= r->low && version <= r->high;
}

/* All older vaults open.  Returns how many there are. */
static size_t judge_history(const struct store *s)
{
	struct generation *list = NULL;
	struct blob b = {0};
	size_t count = 0;
	int err = history_list(&list, &count, s);

	for (size_t i = 0; err == 0 && i < count; i++) {
		err = history_load(&b, s, list[i].number, VERSION_LIMIT);
		if (err == 0)
			(void)version_of(&b, "an older vault");
		blob_free(&b);
	}
	if (err != 0)
		broken("older vaults cannot be read: %s", strerror(-err));
	free(list);
	return count;
}

/* The version that is in place, or -1 if the vault may be gone, and is. */
static long judge_place(void)
{
	const struct standing *st = &stage->standing;
	struct store *s = NULL;
	struct blob b = {0};
	long version;
	int err = store_open_readonly(&s, version_path("v"));

	if (err == -ENOENT && st->may_be_gone)
		return -1;
	if (err == 0)
		err = store_load(&b, s, VERSION_LIMIT);
	if (err != 0)
		broken("there is no vault: %s", strerror(-err));
	version = version_of(&b, "the vault");
	if (!is_within((unsigned)version, &st->place) &&
	    (version != st->foreign || version == 0))
		broken("version %ld is in place: not %u to %u, nor %u", version,
		       st->place.low, st->place.high, st->foreign);
	(void)judge_history(s);
	blob_free(&b);
	store_close(s);
	return version;
}

/* What could not be saved in place is beside, unless a later one is there. */
static void judge_beside(long placed)
{
	const struct standing *st = &stage->standing;
	char name[NAME_MAX + 1];
	unsigned version;
	struct blob b = {0};
	struct store *s = NULL;
	int err;

	if (!find_beside(name)) {
		if (st->beside.low > 0 &&
		    (placed < 0 || (unsigned)placed < st->beside.low ||
		     !is_within((unsigned)placed, &st->place)))
			broken("version %u is not beside the vault",
			       st->beside.low);
		return;
	}
	err = store_open_readonly(&s, version_path(name));
	if (err == 0)
		err = store_load(&b, s, VERSION_LIMIT);
	if (err != 0)
		broken("%s: %s", name, strerror(-err));
	version = version_of(&b, name);
	if (st->beside.high > 0 && !is_within(version, &st->beside))
		broken("version %u is beside: not %u to %u", version,
		       st->beside.low, st->beside.high);
	blob_free(&b);
	store_close(s);
}

void scene_judge(void)
{
	judge_beside(judge_place());
}

/* Nothing is left in the folder but what belongs there. */
static void judge_names(const struct scene *scene, bool strict)
{
	DIR *d = opendir(scene_folder);
	const struct dirent *e;
	unsigned older = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		const char *name = e->d_name;

		older += strncmp(name, "v.~", 3) == 0;
		if (e->d_type != DT_REG || strcmp(name, "v") == 0 ||
		    strcmp(name, ".v.lock") == 0 ||
		    strncmp(name, "v.~", 3) == 0)
			continue;
		/* What a process kept beside, or another one began, and then
		 * ended, is for somebody to look at. */
		if (!strict && (strncmp(name, "v.conflict-", 11) == 0 ||
				strcmp(name, "other") == 0))
			continue;
		broken("%s is left behind", name);
	}
	if (d != NULL)
		(void)closedir(d);
	/* One too many may be left where one was being added, and where one
	 * could not be removed; the next save that can removes it. */
	if (older > scene->history.keep + (strict ? 0 : 1 + io_faults()))
		broken("%u older vaults, of at most %u", older,
		       scene->history.keep);
}

void scene_recover(const struct scene *scene)
{
	struct scene now = *scene;
	struct stat st;
	struct session s;

	scene_judge();
	now.vault = lstat(version_path("v"), &st) == 0 ? VAULT_SMALL : NULL;
	session_open(&s, &now);
	session_save(&s, VERSION_RECOVERED);
	session_close(&s);
	scene_judge();
	judge_names(scene, false);
}

void scene_resave(const struct scene *scene)
{
	struct store *s = NULL;
	struct blob b = {0};
	int err;

	scene_judge();
	err = store_open(&s, version_path("v"));
	if (err == -ENOENT) {
		scene_recover(scene);
		return;
	}
	if (err == 0)
		err = store_load(&b, s, VERSION_LIMIT);
	if (err == 0)
		err = store_save(s, &b);
	if (err != 0)
		broken("what is left behind hinders a save: %s",
		       strerror(-err));
	store_close(s);
	scene_judge();
	judge_names(scene, false);
	blob_free(&b);
}

/* The last save of all, which nothing disturbs; so nothing may be left. */
static void finish(struct session *s)
{
	const struct scene *scene = s->scene;

	(void)io_mode(IO_BY_OTHERS);
	session_save(s, VERSION_LAST);
	(void)io_mode(IO_ON);
	session_close(s);
	(void)io_mode(IO_OFF);
	scene_judge();
	judge_names(scene, true);
}

/* Versions low to high, one after the other. */
static void play_saves(const struct scene *scene, unsigned low, unsigned high)
{
	struct session s;

	session_open(&s, scene);
	for (unsigned version = low; version <= high; version++)
		session_save(&s, version);
	finish(&s);
}

static void play_two(const struct scene *scene)
{
	play_saves(scene, 2, 3);
}

static void play_four(const struct scene *scene)
{
	play_saves(scene, 2, 5);
}

static void play_many(const struct scene *scene)
{
	play_saves(scene, 2, 30);
}

static void play_new(const struct scene *scene)
{
	play_saves(scene, 1, 2);
}

static void play_conflict(const struct scene *scene)
{
	struct session s;

	session_open(&s, scene);
	session_save(&s, 2);
	others_replace();
	session_save_beside(&s, 3);
	session_save_beside(&s, 4);
	others_remove();
	session_save(&s, 5);
	finish(&s);
}

static void play_copied(const struct scene *scene)
{
	struct session s;

	session_open(&s, scene);
	others_copy();
	session_save(&s, 2);
	others_copy();
	session_save(&s, 3);
	finish(&s);
}

static void play_removed(const struct scene *scene)
{
	struct session s;

	session_open(&s, scene);
	session_save(&s, 2);
	others_remove();
	session_save(&s, 3);
	session_save(&s, 4);
	finish(&s);
}

/* Errors of the disk's own, besides the one that is tried. */
static void play_failing(const struct scene *scene)
{
	struct session s;

	session_open(&s, scene);
	io_break(IO_SYNC, 1, EIO);
	session_save(&s, 2);
	io_break(IO_SYNC, 2, EIO);
	session_save(&s, 3);
	io_break(IO_WRITE, 1, ENOSPC);
	session_save(&s, 4);
	io_break(IO_RENAME, 1, EIO);
	session_save(&s, 5);
	if (io_faults() < 4)
		broken("a save without write, fsync or rename");
	finish(&s);
}

static void play_restore(const struct scene *scene)
{
	struct session s;

	session_open(&s, scene);
	session_store(&s, VAULT_RESTORED, VERSION_RESTORED);
	session_save(&s, VERSION_RESTORED + 1);
	finish(&s);
}

/* Many errors of the disk's own, one or more a save. */
static void play_storm(const struct scene *scene)
{
	static const enum io_what kinds[] = {IO_OPEN, IO_WRITE,	 IO_SYNC,
					     IO_LINK, IO_RENAME, IO_UNLINK,
					     IO_GROW, IO_CLOSE};
	static const int errors[] = {EIO, ENOSPC, EDQUOT};
	uint64_t seed = 1;
	struct session s;

	session_open(&s, scene);
	for (unsigned version = 2; version <= 40; version++) {
		io_break(kinds[next_random(&seed) % COUNT(kinds)],
			 1 + next_random(&seed) % 3,
			 errors[next_random(&seed) % COUNT(errors)]);
		session_save(&s, version);
	}
	finish(&s);
}

const struct scene scenes[] = {
	{"two saves", VAULT_SMALL, {0}, play_two, false},
	{"older vaults are kept", VAULT_SMALL, {.keep = 2}, play_four, false},
	{"another's vault in place",
	 VAULT_SMALL,
	 {.keep = 2},
	 play_conflict,
	 false},
	{"a vault that is removed",
	 VAULT_SMALL,
	 {.keep = 2},
	 play_removed,
	 false},
	{"a vault that is copied",
	 VAULT_SMALL,
	 {.keep = 2},
	 play_copied,
	 false},
	{"format 1", VAULT_GO, {.keep = 2}, play_two, false},
	{"a large vault", VAULT_BIG, {0}, play_two, false},
	{"saves that fail", VAULT_SMALL, {.keep = 2}, play_failing, false},
	{"sealed bytes from elsewhere", VAULT_SMALL, {0}, play_restore, false},
	{"a new vault", NULL, {.keep = 2}, play_new, false},
	{"many saves", VAULT_SMALL, {.keep = 3}, play_many, true},
	{"many saves that fail", VAULT_SMALL, {.keep = 3}, play_storm, true},
	{.name = NULL, .is_long = true},
};
