/* SPDX-License-Identifier: MIT */
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_folder(int at, const char *path)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	const int fd = (int)syscall(SYS_openat2, at, path, &how, sizeof(how));

	return fd >= 0 ? fd : -errno;
}

/* Go from folder *at down the path, making what is missing. */
static int go_down(int *at, char *path, bool make)
{
	char *rest = path, *part;
	int next;

	while ((part = strsep(&rest, "/")) != NULL) {
		if (make && mkdirat(*at, part, 0700) != 0 && errno != EEXIST)
			return -errno;
		next = open_folder(*at, part);
		if (next < 0)
			return next;
		(void)close(*at);
		*at = next;
	}
	return 0;
}

int beneath_open(struct beneath *ret, const char *root, const char *path,
		 bool make)
{
	const char *slash = strrchr(path, '/');
	struct beneath b = {
		.folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	char folder[PATH_MAX];
	int err = 0;

	if (b.folder < 0)
		return -errno;
	if (slash != NULL) {
		(void)snprintf(folder, sizeof(folder), "%.*s",
			       (int)(slash - path), path);
		err = go_down(&b.folder, folder, make);
	}
	(void)snprintf(b.name, sizeof(b.name), "%s",
		       slash != NULL ? slash + 1 : path);
	if (err == 0)
		*ret = b;
	else
		beneath_close(&b);
	return err;
}

void beneath_close(struct beneath *b)
{
	if (b->folder >= 0)
		(void)close(b->folder);
	b->folder = -1;
}

int beneath_stat(struct stat *ret, const struct beneath *b)
{
	return fstatat(b->folder, b->name, ret, AT_SYMLINK_NOFOLLOW) == 0
		       ? 0
		       : -errno;
}

static bool is_link_to(const struct beneath *b, const char *target)
{
	char text[PATH_MAX];
	const ssize_t n = readlinkat(b->folder, b->name, text, sizeof(text));

	return n >= 0 && (size_t)n == strlen(target) &&
	       memcmp(text, target, (size_t)n) == 0;
}

enum beneath_kind beneath_kind(const struct beneath *b, const char *target)
{
	struct stat st;
	const int err = beneath_stat(&st, b);

	if (err == -ENOENT)
		return BENEATH_NOTHING;
	if (err != 0)
		return BENEATH_UNKNOWN;
	if (S_ISDIR(st.st_mode))
		return BENEATH_FOLDER;
	return is_link_to(b, target) ? BENEATH_OURS : BENEATH_OTHER;
}

int beneath_set_aside(const struct beneath *b, const char *suffix, bool back)
{
	char aside[NAME_MAX + 1];
	const char *from = back ? aside : b->name;
	const char *to = back ? b->name : aside;

	if ((size_t)snprintf(aside, sizeof(aside), "%s%s", b->name, suffix) >=
	    sizeof(aside))
		return -ENAMETOOLONG;
	if (renameat2(b->folder, from, b->folder, to, RENAME_NOREPLACE) != 0)
		return -errno;
	return fsync(b->folder) == 0 ? 0 : -errno;
}

int beneath_link(const struct beneath *b, const char *target)
{
	return symlinkat(target, b->folder, b->name) == 0 ? 0 : -errno;
}

int beneath_unlink(const struct beneath *b, const char *target)
{
	struct stat st;
	const int err = beneath_stat(&st, b);

	if (err != 0)
		return err;
	if (!is_link_to(b, target))
		return -EEXIST;
	return unlinkat(b->folder, b->name, 0) == 0 ? 0 : -errno;
}
