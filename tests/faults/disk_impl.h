/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FAULTS_DISK_IMPL_H
#define TZ_TESTS_FAULTS_DISK_IMPL_H

/* What disk.c records, and image.c makes folders of. */

#include "disk.h"

enum { NAME_LEN = 64, NAMES_MAX = 64, NO_FILE = -1, FOLDER = -2 };

enum change_kind {
	CHANGE_CREATE,
	CHANGE_LINK,
	CHANGE_RENAME,
	CHANGE_EXCHANGE,
	CHANGE_UNLINK,
	/* Those above concern names. */
	CHANGE_WRITE,
	CHANGE_GROW,
	CHANGE_SIZE,
	/* Those below are no changes, but events. */
	CHANGE_SYNC,
	CHANGE_SYNC_FAILED,
	CHANGE_SYNC_FOLDER,
	CHANGE_MARK,
};

/* When a change is sure to be kept. */
enum { NEVER_YET = SIZE_MAX, NEVER = SIZE_MAX - 1 };

struct change {
	enum change_kind kind;
	int file, other_file;
	char name[NAME_LEN], to[NAME_LEN];
	size_t off, len;
	uint8_t *data;
	struct standing standing; /* CHANGE_MARK */
	/* Kept for sure after a cut beyond the change of this number. */
	size_t settled;
};

/* A file as it was when recording began. */
struct file {
	uint8_t *data;
	size_t len;
};

struct name {
	char name[NAME_LEN];
	int file;
};

struct names {
	struct name list[NAMES_MAX];
	size_t count;
};

struct disk {
	bool recording;
	struct change *changes;
	size_t count, room;
	struct file *files;
	int file_count;
	struct names before, now; /* when recording began, and as it is */
};

extern struct disk disk;

/* The file of that name, or NO_FILE. */
int names_find(const struct names *n, const char *name);

/* Let name be file, or nothing. */
void names_set(struct names *n, const char *name, int file);

/* Make the change, one that concerns names. */
void names_apply(struct names *n, const struct change *c);

/* What stands in no model: says so, and ends the test. */
_Noreturn void disk_no_model(const char *what);

#endif
