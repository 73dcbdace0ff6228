/* SPDX-License-Identifier: MIT */
#include "stale.h"

#include "fs/ramfiles.h"
#include "tools/control/control.h"
#include "tools/daemon/usermount.h"
#include "tools/keeper/detach.h"
#include "tools/keeper/utab.h"
#include "tools/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { STACK_MAX = 64 }; /* more than anybody piles up */

bool stale_is_disconnected(int fd)
{
	struct statfs st;
	int err = fstatfs(fd, &st) != 0 ? errno : 0;

	/* It died just while it was asked. */
	if (err == ECONNABORTED)
		err = fstatfs(fd, &st) != 0 ? errno : 0;
	return err == ENOTCONN;
}

/* The id, in mountinfo, of the mount that fd is in, or -1. */
static int mount_id(int fd)
{
	static const char key[] = "mnt_id:";
	char path[64], line[128];
	int id = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f != NULL && id < 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, sizeof(key) - 1) == 0)
			id = (int)strtol(line + sizeof(key) - 1, NULL, 10);
	if (f != NULL)
		(void)fclose(f);
	return id;
}

/*
 * Is the mount with that id ours, and does its daemon listen?  Then it must not
 * be looked at: a daemon that is stopped would let us wait until it goes on.
 */
static bool is_served(int id)
{
	struct mounted *list = NULL;
	const struct mounted *m;
	bool served;

	if (id < 0 || mounts_read(&list) != 0)
		return false;
	m = mounts_with(list, id);
	served = m != NULL && control_listens(m->owner, m->dev);
	mounts_free(list);
	return served;
}

/* Is the mount with that id, which fd is in, of files in memory that nobody
 * guards?  Its daemon may listen where this process does not know. */
static bool is_unguarded(int id, int fd)
{
	struct mounted *list = NULL;
	const struct mounted *m;
	char path[32];
	bool found;

	if (mounts_read(&list) != 0)
		return false;
	m = mounts_with(list, id);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	found = m != NULL && !m->is_fuse && !ramfiles_is_guarded(path);
	mounts_free(list);
	return found;
}

bool stale_is_served(const char *dir)
{
	int fd = open(dir, O_PATH | O_CLOEXEC);
	bool served = fd >= 0 && is_served(mount_id(fd));

	if (fd >= 0)
		(void)close(fd);
	return served;
}

/* Does the daemon of the mount with that id answer? */
static bool answers(int id)
{
	struct mounted *list = NULL;
	struct control_answer answer = {0};
	const struct mounted *m;
	int err = -ENOENT;

	if (id < 0 || mounts_read(&list) != 0)
		return false;
	m = mounts_with(list, id);
	if (m != NULL)
		err = control_ask_for(&answer, m->owner, m->dev, "status", 1);
	free(answer.body);
	mounts_free(list);
	/* One that is stopped has not died. */
	return err == 0 || err == -ETIMEDOUT;
}

bool stale_answers(const char *dir)
{
	int fd = open(dir, O_PATH | O_CLOEXEC);
	const bool alive = fd >= 0 && answers(mount_id(fd));

	if (fd >= 0)
		(void)close(fd);
	return alive;
}

/*
 * A descriptor of the mount on top at dir if that is dead, and its id, else -1.
 * While it is held, its id is no other mount's.
 */
static int open_dead(const char *dir, int *id)
{
	/* Such a descriptor can be had without asking a daemon. */
	int fd = open(dir, O_PATH | O_CLOEXEC);

	*id = fd >= 0 ? mount_id(fd) : -1;
	if (*id >= 0 && (is_served(*id) || (!stale_is_disconnected(fd) &&
					    !is_unguarded(*id, fd))))
		*id = -1;
	if (fd >= 0 && *id < 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* The id of the mount on top at dir if that is dead, else -1. */
static int dead_on_top(const char *dir)
{
	int id, fd = open_dead(dir, &id);

	if (fd >= 0)
		(void)close(fd);
	return id;
}

bool stale_is_dead(const struct mounted *m)
{
	/* If it lies below a dead one, nothing else can tell of it. */
	if (control_listens(m->owner, m->dev))
		return false;
	/* Its keeper may have been quicker: what was in the table has gone. */
	return dead_on_top(m->dir) >= 0 || !mounts_have(m->id, m->dev);
}

const struct mounted *stale_live_mount(const struct mounted *list,
				       const char *path)
{
	const struct mounted *m = mounts_of(list, path);

	while (m != NULL && stale_is_dead(m))
		m = mounts_of(m->next, path);
	return m;
}

/*
 * Keep others from unmounting what is mounted here in a dead one's place.  A
 * descriptor, or -1: then it goes without.
 */
static int take_lock(void)
{
	char dir[PATH_MAX], path[PATH_MAX + 16];
	int fd = -1;

	for (unsigned n = 0; n < RUNDIR_COUNT && fd < 0; n++) {
		if (!rundir_get(dir, n, geteuid(), true))
			continue;
		(void)snprintf(path, sizeof(path), "%s/unmount.lock", dir);
		fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			  0600);
	}
	while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
		;
	return fd;
}

/* End m, which fd is in. */
static int unmount(const struct mounted *m, int fd)
{
	char root[32];
	int err;

	/* Its number may be another mount's as soon as it has gone. */
	control_forget(m->owner, m->dev);
	if (usermount_is_needed())
		return detach_as_user(m->dir);
	(void)snprintf(root, sizeof(root), "/proc/self/fd/%d", fd);
	err = umount2(root, MNT_DETACH) == 0 ? 0 : -errno;
	if (err == 0 && geteuid() == 0)
		utab_remove(m->dir);
	return err;
}

/* Unmount what is on top at dir, if it is dead and ours.  1, 0 or -errno. */
static int heal_one(const char *dir)
{
	struct mounted *list = NULL;
	const struct mounted *m;
	int id, fd = open_dead(dir, &id), err, more;

	if (fd < 0)
		return 0;
	err = mounts_read(&list);
	m = mounts_with(list, id);
	if (m != NULL && (m->owner == geteuid() || geteuid() == 0))
		err = unmount(m, fd);
	else
		m = NULL;
	more = err == 0 && m != NULL;
	(void)close(fd);
	mounts_free(list);
	return err != 0 ? err : more;
}

int stale_heal(const char *dir)
{
	int count = 0, more, lock;

	/* Nearly always there is none. */
	if (dead_on_top(dir) < 0)
		return 0;
	lock = take_lock();
	do {
		more = heal_one(dir);
		count += more > 0;
	} while (more > 0 && count < STACK_MAX);
	if (lock >= 0)
		(void)close(lock);
	return more < 0 ? more : count;
}
