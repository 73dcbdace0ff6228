/* SPDX-License-Identifier: MIT */
/* A vault in use, by a process that may be ended at any call. */
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Calls that a signal may interrupt, by their manual: nobody is to hear. */
static bool may_be_interrupted(const char *call)
{
	static const char *const calls[] = {
		"open",	     "openat",	  "creat",     "close",
		"read",	     "pread",	  "readv",     "write",
		"pwrite",    "writev",	  "pwritev",   "fsync",
		"fdatasync", "fallocate", "ftruncate", "posix_fallocate",
	};

	for (size_t i = 0; i < COUNT(calls); i++)
		if (strcmp(call, calls[i]) == 0)
			return true;
	return false;
}

/* Faults that came before what is tried now. */
static unsigned earlier;

/* Something is about to be tried. */
static bool attempt(void)
{
	earlier = io_faults();
	return true;
}

/* It failed: was a fault the reason?  Otherwise something is wrong. */
static void excuse(const char *what, int err)
{
	const char *call;
	int why;

	if (io_faults() == earlier)
		broken("%s failed, and nothing was wrong: %s", what,
		       strerror(-err));
	call = io_failed(&why);
	if (io_faults() == earlier + 1 && why == EINTR &&
	    may_be_interrupted(call))
		broken("%s: a signal during %s was heard of: %s", what, call,
		       strerror(-err));
}

/* Something that was started, or an error and nothing. */
static int try_open(struct session *s)
{
	const char *path = version_path("v");
	struct secret pass = version_passphrase();
	struct blob b = {0};
	struct tar_report report;
	int err;

	if (s->scene->vault == NULL) {
		err = store_create(&s->store, path);
		if (err == 0)
			err = vault_create(&s->vault, &pass);
	} else {
		err = store_open(&s->store, path);
		if (err == 0)
			err = store_load(&b, s->store, VERSION_LIMIT);
		if (err == 0)
			err = vault_open(&s->vault, &b, &pass);
	}
	if (err == 0)
		s->tree = version_tree();
	if (err == 0 && s->scene->vault != NULL)
		err = vault_load(s->vault, &b, s->tree, &report);
	if (err == 0)
		err = saver_start(
			&s->saver,
			&(struct saver_parts){
				.sealing = {.vault = s->vault,
					    .store = s->store,
					    .history = s->scene->history},
				.tree = s->tree,
			});
	blob_free(&b);
	secret_free(&pass);
	if (err != 0)
		session_close(s);
	return err;
}

void session_open(struct session *s, const struct scene *scene)
{
	int err;

	*s = (struct session){.scene = scene};
	while (attempt() && (err = try_open(s)) != 0)
		excuse("opening", err);
}

void session_close(struct session *s)
{
	saver_stop(s->saver);
	vault_close(s->vault);
	store_close(s->store);
	tree_free(s->tree);
	*s = (struct session){.scene = s->scene};
}

/* What is on the disk after something failed, and is about to be repeated. */
static void judge_meanwhile(void)
{
	enum io_mode mode = io_mode(IO_OFF);

	scene_judge();
	(void)io_mode(mode);
}

/* It was said to be there to stay. */
static void assert_settled(const char *name)
{
	if (!stage->cut_later && !disk_is_settled(name))
		broken("%s is said to be saved, but a power cut may take it",
		       name);
}

static void mark(void)
{
	disk_mark(&stage->standing);
}

/* The vault in its place is version, and nothing else will do. */
static void note_saved(unsigned version)
{
	assert_settled("v");
	stage->standing = (struct standing){.place = {version, version}};
	mark();
}

/* Versions in place from here on may be this one, too. */
static void note_request(unsigned version)
{
	struct standing *st = &stage->standing;

	if (st->place.low > st->place.high)
		st->place.low = version;
	st->place.high = version;
	mark();
}

void session_save(struct session *s, unsigned version)
{
	int err;

	version_set(s->tree, version);
	note_request(version);
	while (attempt() && (err = saver_flush(s->saver)) != 0) {
		if (!saver_state(s->saver).dirty)
			broken("version %u failed, but counts as saved",
			       version);
		excuse("a save", err);
		judge_meanwhile();
	}
	if (saver_state(s->saver).dirty)
		broken("version %u is saved, but still to be saved", version);
	note_saved(version);
}

void session_save_beside(struct session *s, unsigned version)
{
	struct standing *st = &stage->standing;
	char name[NAME_MAX + 1];
	int err;

	version_set(s->tree, version);
	if (st->beside.low == 0)
		st->beside = (struct range){0, version};
	st->beside.high = version;
	mark();
	while (attempt() && ((err = saver_flush(s->saver)) != -ESTALE ||
			     !saver_state(s->saver).beside)) {
		if (err == 0)
			broken("another's vault was taken for ours");
		excuse("a save beside another's vault", err);
		judge_meanwhile();
	}
	(void)io_mode(IO_OFF);
	if (!history_conflict(name, s->store))
		broken("there is nothing beside");
	(void)io_mode(IO_ON);
	assert_settled(name);
	st->beside.low = version;
	mark();
}

void session_store(struct session *s, const char *vault, unsigned version)
{
	struct blob b = version_file(vault);
	int err;

	note_request(version);
	while (attempt() && (err = store_save(s->store, &b)) != 0) {
		excuse("a save of sealed bytes", err);
		judge_meanwhile();
	}
	note_saved(version);
	blob_free(&b);
}

static int sync_folder(void)
{
	int fd = open(scene_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0 ? close(fd) : -1;
}

/* Put a file that holds b in the vault's place. */
static void replace(const struct blob *b)
{
	const char *temp = version_path("other");
	int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, b->data, b->len) != (ssize_t)b->len ||
	    fsync(fd) != 0 || close(fd) != 0 ||
	    rename(temp, version_path("v")) != 0 || sync_folder() != 0)
		broken("the vault cannot be replaced: %s", strerror(errno));
}

void others_replace(void)
{
	struct blob b = version_file(VAULT_FOREIGN);
	enum io_mode mode = io_mode(IO_BY_OTHERS);

	stage->standing.foreign = VERSION_FOREIGN;
	mark();
	replace(&b);
	stage->standing.place = (struct range){1, 0};
	mark();
	(void)io_mode(mode);
	blob_free(&b);
}

void others_copy(void)
{
	enum io_mode mode = io_mode(IO_OFF);
	struct blob b = version_file(version_path("v"));

	(void)io_mode(IO_BY_OTHERS);
	replace(&b);
	(void)io_mode(mode);
	blob_free(&b);
}

void others_remove(void)
{
	enum io_mode mode = io_mode(IO_BY_OTHERS);

	stage->standing.may_be_gone = true;
	mark();
	if (unlink(version_path("v")) != 0 || sync_folder() != 0)
		broken("the vault cannot be removed: %s", strerror(errno));
	stage->standing.place = (struct range){1, 0};
	stage->standing.foreign = 0;
	mark();
	(void)io_mode(mode);
}
