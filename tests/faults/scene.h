/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FAULTS_SCENE_H
#define TZ_TESTS_FAULTS_SCENE_H

/*
 * Something that is done to a vault, and what of it has to be there after.
 * A scene is played by the real saver, store and vault in a process of its
 * own, which may be ended at any call.  What it has been told to be saved it
 * notes where another process can read it.
 *
 * A vault's contents are its version: a number, which says what files there
 * are, of what size, and what is in them.
 */

#include "disk.h"
#include "fs/history.h"
#include "fs/saver.h"
#include "io.h"

#include <limits.h>

/* Shared by the process that plays with the one that judges. */
struct stage {
	struct standing standing;
	struct io_log log;
	bool cut_later;	   /* what a power cut takes is judged later */
	char broken[1000]; /* what is wrong, if something is */
};

extern struct stage *stage;
extern char scene_folder[PATH_MAX]; /* where the vault is, as "v" */

struct scene {
	const char *name;
	const char *vault; /* one of version.h; NULL: there is none yet */
	struct history_policy history;
	void (*play)(const struct scene *scene);
	bool is_long; /* these come last */
};

extern const struct scene scenes[]; /* the last has no name */

/* Make folders of the program's own, and vaults to begin with.  0 or -1. */
int scene_start(void);

/* Take a stage and a folder of one's own, the nth.  0 or -1. */
int scene_use(unsigned n);

/* Remove them. */
int scene_end(void);

/* Have folder and stage as they are when a scene begins.  Needs no secrets. */
void scene_begin(const struct scene *scene);

/* Have the folder at an absolute path hold nothing. */
void scene_empty(const char *folder);

/* Judge what is in the folder: it is what the stage says, and whole. */
void scene_judge(void);

/*
 * Go on from what is in the folder, in a process that knows nothing of what
 * was before: judge it, save once more, judge that.
 */
void scene_recover(const struct scene *scene);

/* Judge the vault, and save what it holds once more: a quicker recovery. */
void scene_resave(const struct scene *scene);

/* Say that something is wrong, and end the process. */
_Noreturn void broken(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* Called by broken(), if it is set. */
extern void (*broken_hook)(void);

/* Run f in a process that may use secrets.  Its wait status. */
int scene_run(void (*f)(const struct scene *), const struct scene *scene);

/* A vault in use.  Whatever fails is tried again, if it may fail. */
struct session {
	const struct scene *scene;
	struct store *store;
	struct vault *vault;
	struct tree *tree;
	struct saver *saver;
};

void session_open(struct session *s, const struct scene *scene);

/* Make the tree that version, and save it in place. */
void session_save(struct session *s, unsigned version);

/* The same while another's vault is in place. */
void session_save_beside(struct session *s, unsigned version);

/* Store a vault to begin with, which is of that version. */
void session_store(struct session *s, const char *vault, unsigned version);

void session_close(struct session *s);

/* Another program puts its vault in our place, or removes ours.  When they
 * return, it is on the disk. */
void others_replace(void);
void others_copy(void); /* a copy of ours, which is as good */
void others_remove(void);

#endif
