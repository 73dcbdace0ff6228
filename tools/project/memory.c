/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include "beneath.h"
#include "bridges.h"
#include "tools/msg.h"
#include "tools/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A copy that is not finished: the original is still whole. */
#define UNFINISHED ".tazpod-new"

/* One name, while it is looked at. */
struct kept {
	const char *folder, *name; /* the home, and what it is about */
	char target[PATH_MAX];	   /* in .tazpod */
	struct beneath in, home;   /* there, and in the home */
};

static int complain(const struct kept *k, const char *what, int err)
{
	msg_say("~/%s: %s: %s", k->name, what,
		err == -ELOOP ? "a symbolic link is on the way"
			      : msg_error(err));
	return err;
}

/* Is it a folder with nothing in it? */
static bool is_empty(const struct beneath *b)
{
	const int fd = openat(b->folder, b->name,
			      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	bool empty = d != NULL;

	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0;
	if (d != NULL)
		(void)closedir(d);
	else if (fd >= 0)
		(void)close(fd);
	return empty;
}

/* Run a program of coreutils' with what is in k->in's folder as its own. */
static int run_in(const struct kept *k, const char *const argv[])
{
	int status = 0, err;
	char *before = getcwd(NULL, 0);

	if (fchdir(k->in.folder) != 0)
		err = -errno;
	else
		err = run_wait(&status, argv[0], argv);
	if (before != NULL)
		(void)!chdir(before);
	free(before);
	return err != 0 ? err : status != 0 ? -EIO : 0;
}

/*
 * Copy what is in the home, which is on another filesystem, and give the copy
 * its name only when it is whole and on the disk.
 */
static int copy(const struct kept *k)
{
	char new[NAME_MAX + 1], source[PATH_MAX];
	const char *const clear[] = {"rm", "-rf", "--one-file-system",
				     "--", new,	  NULL};
	const char *const cp[] = {"cp", "-a", "-T", "--", source, new, NULL};
	int err;

	if ((size_t)snprintf(new, sizeof(new), "%s" UNFINISHED, k->in.name) >=
	    sizeof(new))
		return -ENAMETOOLONG;
	if (snprintf(source, sizeof(source), "%s/%s", k->folder, k->name) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	err = run_in(k, clear);
	if (err == 0)
		err = run_in(k, cp);
	if (err == 0 && syncfs(k->in.folder) != 0)
		err = -errno;
	if (err == 0 && renameat2(k->in.folder, new, k->in.folder, k->in.name,
				  RENAME_NOREPLACE) != 0)
		err = -errno;
	return err == 0 && fsync(k->in.folder) != 0 ? -errno : err;
}

/* Put the home's aside, and say where. */
static int set_aside(const struct kept *k, const char *why)
{
	const int err = beneath_set_aside(&k->home, BRIDGES_ASIDE, false);

	if (err == -EEXIST)
		msg_say("~/%s: left as it is: it is there, and so is "
			"~/%s" BRIDGES_ASIDE "; keep one of them",
			k->name, k->name);
	else if (err != 0)
		(void)complain(k, "cannot be put aside", err);
	else
		msg_say("~/%s: %s; what was there is ~/%s" BRIDGES_ASIDE,
			k->name, why, k->name);
	return err;
}

/* Move what the home has to where it is kept, which has nothing yet. */
static int move_in(const struct kept *k)
{
	int err = 0;

	/* An empty folder would be in the way. */
	if (unlinkat(k->in.folder, k->in.name, AT_REMOVEDIR) != 0 &&
	    errno != ENOENT)
		err = -errno;
	if (err == 0 && renameat2(k->home.folder, k->home.name, k->in.folder,
				  k->in.name, RENAME_NOREPLACE) != 0)
		err = -errno;
	if (err == -EXDEV) {
		err = copy(k);
		return err == 0 ? set_aside(k, "copied into the project")
				: complain(k,
					   "cannot be copied into the "
					   "project",
					   err);
	}
	if (err == 0 && fsync(k->in.folder) != 0)
		err = -errno;
	return err == 0 ? 0
			: complain(k, "cannot be moved into the project", err);
}

static int make_folder(const struct kept *k)
{
	if (mkdirat(k->in.folder, k->in.name, 0700) == 0 || errno == EEXIST)
		return 0;
	return complain(k, "cannot be made in the project", -errno);
}

/* The home has a folder of that name. */
static int take(const struct kept *k)
{
	struct stat st;
	const int err = beneath_stat(&st, &k->in);

	if (err == -ENOENT || (err == 0 && is_empty(&k->in)))
		return move_in(k);
	if (err != 0)
		return complain(k, "the project's cannot be looked at", err);
	return set_aside(k, "the project's is used");
}

static int link_it(const struct kept *k)
{
	const int err = beneath_link(&k->home, k->target);

	return err == 0 ? 0 : complain(k, "no link can be made", err);
}

static void keep(const struct kept *k)
{
	int err = 0;

	switch (beneath_kind(&k->home, k->target)) {
	case BENEATH_OURS:
		(void)make_folder(k);
		return;
	case BENEATH_NOTHING:
		err = make_folder(k);
		break;
	case BENEATH_FOLDER:
		err = take(k);
		break;
	case BENEATH_OTHER:
	case BENEATH_UNKNOWN:
		msg_say("~/%s: left as it is: it is no folder, so it cannot be "
			"kept in the project",
			k->name);
		return;
	}
	if (err == 0)
		(void)link_it(k);
}

void memory_link(const char *tazpod, const char *home, char *const names[])
{
	for (; *names != NULL; names++) {
		struct kept k = {.folder = home,
				 .name = *names,
				 .in.folder = -1,
				 .home.folder = -1};
		int err = 0;

		if (snprintf(k.target, sizeof(k.target), "%s/%s", tazpod,
			     k.name) >= PATH_MAX)
			err = -ENAMETOOLONG;
		if (err == 0)
			err = beneath_open(&k.in, tazpod, k.name, true);
		if (err == 0)
			err = beneath_open(&k.home, home, k.name, true);
		if (err == 0)
			keep(&k);
		else
			(void)complain(&k, "not kept in the project", err);
		beneath_close(&k.in);
		beneath_close(&k.home);
	}
}
