/* SPDX-License-Identifier: MIT */
#ifndef TZ_BENEATH_H
#define TZ_BENEATH_H

/*
 * Names below a folder, reached without following a symbolic link, so that
 * nobody can lead us elsewhere meanwhile (openat2(2)).
 */

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

/* The last part of a path, in the folder that it is in. */
struct beneath {
	int folder; /* a descriptor, or -1 */
	char name[NAME_MAX + 1];
};

/*
 * Open the folder that path, relative to the folder at root, is in.  With make,
 * what is missing of it is made, mode 0700.  The caller ends *ret.  0 or
 * -errno: -ELOOP if a symbolic link is on the way.
 */
int beneath_open(struct beneath *ret, const char *root, const char *path,
		 bool make);
void beneath_close(struct beneath *b);

/* What has that name there, itself.  0 or -errno. */
int beneath_stat(struct stat *ret, const struct beneath *b);

/*
 * Is there something of that kind: a link whose text is target, nothing, or
 * something else?
 */
enum beneath_kind {
	BENEATH_NOTHING,
	BENEATH_OURS, /* a link whose text is what it should be */
	BENEATH_FOLDER,
	BENEATH_OTHER,
	BENEATH_UNKNOWN /* it cannot be looked at */
};
enum beneath_kind beneath_kind(const struct beneath *b, const char *target);

/*
 * Give it the name with suffix behind it, or, with back, the other way round.
 * 0, -EEXIST if there is something of that name, -ENAMETOOLONG, or another
 * -errno.  When this returns 0, a power cut undoes it no more.
 */
int beneath_set_aside(const struct beneath *b, const char *suffix, bool back);

/*
 * Make the symbolic link.  0 or -errno; -EEXIST if there is something.
 */
int beneath_link(const struct beneath *b, const char *target);

/* Remove it if it is exactly that link.  0 or -errno, -EEXIST if it is not. */
int beneath_unlink(const struct beneath *b, const char *target);

#endif
