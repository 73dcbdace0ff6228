/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include "fs/ramfiles.h"
#include "tools/daemon/pin.h"
#include "tools/mounts/stale.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

/* The next that is left of it, from m on, or NULL. */
static const struct mounted *next_of(const struct remains *r,
				     const struct mounted *m)
{
	while (m != NULL &&
	       (m->dev != r->dev || strcmp(m->vault, r->vault) != 0))
		m = m->next;
	return m;
}

bool sweep_is_left(const struct remains *r, const struct mounted *list)
{
	return next_of(r, list) != NULL;
}

void sweep_here(const struct remains *r)
{
	struct mounted *list = NULL;
	const struct mounted *m = NULL;

	if (mounts_read(&list) == 0)
		m = next_of(r, list);
	for (; m != NULL; m = next_of(r, m->next))
		(void)stale_heal(m->dir);
	mounts_free(list);
}

/* Root may enter at once.  A user needs the rights that an owner has. */
static bool enter(int ns)
{
	int user;
	bool entered;

	if (setns(ns, CLONE_NEWNS) == 0)
		return true;
	user = ioctl(ns, NS_GET_USERNS);
	entered = user >= 0 && setns(user, CLONE_NEWUSER) == 0 &&
		  setns(ns, CLONE_NEWNS) == 0;
	if (user >= 0)
		(void)close(user);
	return entered;
}

/* The table of the namespace that this process is in by now, or NULL. */
static FILE *open_table(int proc)
{
	int fd = openat(proc, "mountinfo", O_RDONLY | O_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (fd >= 0 && f == NULL)
		(void)close(fd);
	return f;
}

/* Is something else mounted in it, which would go with it? */
static bool is_busy(int proc, const struct mounted *m)
{
	FILE *f = open_table(proc);
	const bool busy = f == NULL || mounts_is_busy_in(f, m->id, m->dev);

	if (f != NULL)
		(void)fclose(f);
	return busy;
}

/* Its device number may be that of a new one.  name is fd's. */
static bool is_dead(const struct mounted *m, int fd, const char *name)
{
	return m->is_fuse ? stale_is_disconnected(fd)
			  : !ramfiles_is_guarded(name);
}

/* Unmount m; the folder of this process is that of its descriptors in proc. */
static void detach(int proc, const struct mounted *m)
{
	char name[16];
	int fd = open(m->dir, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)snprintf(name, sizeof(name), "%d", fd);
	if (pin_is_in(fd, m->id, m->dev) && is_dead(m, fd, name) &&
	    !is_busy(proc, m))
		(void)umount2(name, MNT_DETACH);
	(void)close(fd);
}

/* Try all once, the newest first.  How many there were, or INT_MAX. */
static int sweep_once(const struct remains *r, int proc)
{
	struct mounted *list = NULL;
	const struct mounted *m;
	FILE *f = open_table(proc);
	int count = f != NULL && mounts_parse(&list, f) == 0 ? 0 : INT_MAX;

	if (f != NULL)
		(void)fclose(f);
	for (m = next_of(r, list); m != NULL; m = next_of(r, m->next)) {
		detach(proc, m);
		count++;
	}
	mounts_free(list);
	return count;
}

bool sweep_there(const struct remains *r, int ns)
{
	/* There may be no proc there, or that of other processes. */
	int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int left = INT_MAX, before;

	if (proc < 0)
		return true;
	if (enter(ns) && fchdir(proc) == 0 && chdir("fd") == 0) {
		do {
			before = left;
			left = sweep_once(r, proc);
		} while (left > 0 && left < before);
	}
	(void)close(proc);
	return left > 0;
}
