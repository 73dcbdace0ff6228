/* SPDX-License-Identifier: MIT */
#include "bridges.h"

#include "beneath.h"
#include "tools/mounts/mounts.h"
#include "tools/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What has been mounted for one name. */
struct bound {
	int id; /* of the mount; 0: nothing has */
	dev_t dev;
};

struct bridges {
	const struct bridges_place *place;
	struct bound list[]; /* as many as there are names */
};

/* One name, while it is looked at. */
struct bridge {
	const struct bridges_place *place;
	const char *name;
	char target[PATH_MAX]; /* in the vault */
	struct beneath at;     /* in the home */
};

static int complain(const struct bridge *b, const char *what, int err)
{
	msg_say("~/%s: %s: %s", b->name, what,
		err == -ELOOP ? "a symbolic link is on the way"
			      : msg_error(err));
	return err;
}

/* b->target, and b->at, which the caller closes. */
static int look(struct bridge *b, bool make)
{
	int err = snprintf(b->target, sizeof(b->target), "%s/%s",
			   b->place->mount, b->name) < PATH_MAX
			  ? 0
			  : -ENAMETOOLONG;

	b->at.folder = -1;
	return err == 0 ? beneath_open(&b->at, b->place->home, b->name, make)
			: err;
}

/*
 * See to it that the vault has it.  -ENOENT if it does not, and there is
 * something in the home that would be hidden by an empty folder.
 */
static int prepare(const struct bridge *b, enum beneath_kind kind)
{
	const bool is_free = kind == BENEATH_NOTHING || kind == BENEATH_OURS;
	struct beneath in;
	struct stat st;
	int err = beneath_open(&in, b->place->mount, b->name, is_free);

	if (err != 0)
		return err;
	err = beneath_stat(&st, &in);
	if (err == 0 && S_ISLNK(st.st_mode))
		err = -ELOOP;
	if (err == -ENOENT && is_free)
		err = mkdirat(in.folder, in.name, 0700) == 0 ? 0 : -errno;
	beneath_close(&in);
	return err;
}

/* A descriptor (O_PATH) of what has that name, itself; or -errno. */
static int hold(const struct beneath *b)
{
	const int fd =
		openat(b->folder, b->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

/* Learn which mount is at b now. */
static int identify(struct bound *ret, const struct beneath *b)
{
	struct statx st;

	if (statx(b->folder, b->name, AT_SYMLINK_NOFOLLOW,
		  STATX_MNT_ID | STATX_TYPE, &st) != 0)
		return -errno;
	ret->id = (int)st.stx_mnt_id;
	ret->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	return 0;
}

static int bind_descriptors(int from, int to)
{
	char source[32], target[32];

	(void)snprintf(source, sizeof(source), "/proc/self/fd/%d", from);
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", to);
	return mount(source, target, NULL, MS_BIND, NULL) == 0 ? 0 : -errno;
}

/* Mount the vault's over the home's. */
static int bind(struct bound *ret, const struct bridge *b)
{
	struct beneath in;
	struct stat st;
	int from = -1, to = -1;
	int err = beneath_open(&in, b->place->mount, b->name, false);

	if (err != 0)
		return err;
	err = beneath_stat(&st, &in);
	if (err == 0 && !S_ISDIR(st.st_mode))
		err = -ENOTDIR;
	if (err == 0)
		err = from = hold(&in);
	if (from >= 0)
		err = to = hold(&b->at);
	if (to >= 0)
		err = bind_descriptors(from, to);
	if (err == 0)
		err = identify(ret, &b->at);
	if (from >= 0)
		(void)close(from);
	if (to >= 0)
		(void)close(to);
	beneath_close(&in);
	return err;
}

/* What is there is kept, under a name beside it. */
static int link_beside(const struct bridge *b)
{
	int err = beneath_set_aside(&b->at, BRIDGES_ASIDE, false);

	if (err == -EEXIST) {
		msg_say("~/%s: not bridged: it is there, and so is "
			"~/%s" BRIDGES_ASIDE ", what was there before; keep "
			"one of them",
			b->name, b->name);
		return err;
	}
	if (err != 0)
		return complain(b, "cannot be put aside", err);
	err = beneath_link(&b->at, b->target);
	if (err != 0) {
		(void)beneath_set_aside(&b->at, BRIDGES_ASIDE, true);
		return complain(b, "no link can be made", err);
	}
	return 0;
}

/* Something is there already. */
static void put_over(struct bound *ret, const struct bridge *b,
		     enum beneath_kind kind)
{
	if (kind == BENEATH_FOLDER && b->place->may_mount && bind(ret, b) == 0)
		return;
	*ret = (struct bound){0};
	(void)link_beside(b);
}

/* The vault has it, and this is what the home has. */
static void put_there(struct bound *ret, const struct bridge *b,
		      enum beneath_kind kind)
{
	int err = 0;

	switch (kind) {
	case BENEATH_OURS:
		break;
	case BENEATH_NOTHING:
		err = beneath_link(&b->at, b->target);
		if (err != 0)
			(void)complain(b, "no link can be made", err);
		break;
	case BENEATH_UNKNOWN:
		(void)complain(b, "not bridged", -EIO);
		break;
	case BENEATH_FOLDER:
	case BENEATH_OTHER:
		put_over(ret, b, kind);
		break;
	}
}

static void put(struct bound *ret, struct bridge *b)
{
	enum beneath_kind kind;
	int err = look(b, true);

	if (err != 0) {
		(void)complain(b, "not bridged", err);
		return;
	}
	kind = beneath_kind(&b->at, b->target);
	err = prepare(b, kind);
	if (err == -ENOENT)
		msg_say("~/%s: not bridged: the vault has none; 'cp -a ~/%s "
			"%s' puts it there",
			b->name, b->name, b->target);
	else if (err != 0)
		(void)complain(b, "not bridged: in the vault", err);
	else
		put_there(ret, b, kind);
	beneath_close(&b->at);
}

int bridges_put(struct bridges **ret, const struct bridges_place *p)
{
	struct bridges *all;
	size_t count = 0;

	while (p->names[count] != NULL)
		count++;
	all = calloc(1, sizeof(*all) + count * sizeof(all->list[0]));
	if (all == NULL)
		return -ENOMEM;
	all->place = p;
	for (size_t i = 0; i < count; i++) {
		struct bridge b = {.place = p, .name = p->names[i]};

		put(&all->list[i], &b);
	}
	*ret = all;
	return 0;
}

/* Unmount what has been mounted, if that still is what is there. */
static void unbind(const struct bound *bound, const struct bridge *b)
{
	char path[PATH_MAX];

	if (bound->id == 0 || !mounts_have(bound->id, bound->dev))
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", b->at.folder,
		       b->at.name);
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
		(void)complain(b, "cannot be unmounted", -errno);
}

/* Put back what is aside, if its place is free. */
static void put_back(const struct bridge *b)
{
	const int err = beneath_set_aside(&b->at, BRIDGES_ASIDE, true);

	if (err == -EEXIST)
		msg_say("~/%s: something else is there now; what was there "
			"before is ~/%s" BRIDGES_ASIDE,
			b->name, b->name);
	else if (err != 0 && err != -ENOENT)
		(void)complain(b, "cannot be put back", err);
}

static void take_away(struct bridge *b, const struct bound *bound)
{
	int err = look(b, false);

	if (err == 0) {
		if (bound != NULL)
			unbind(bound, b);
		(void)beneath_unlink(&b->at, b->target);
		put_back(b);
	} else if (err != -ENOENT) {
		(void)complain(b, "cannot be looked at", err);
	}
	beneath_close(&b->at);
}

void bridges_remove(struct bridges *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; b->place->names[i] != NULL; i++) {
		struct bridge one = {.place = b->place,
				     .name = b->place->names[i]};

		take_away(&one, &b->list[i]);
	}
	free(b);
}

void bridges_mend(const struct bridges_place *p)
{
	for (char *const *name = p->names; *name != NULL; name++) {
		struct bridge one = {.place = p, .name = *name};

		take_away(&one, NULL);
	}
}
