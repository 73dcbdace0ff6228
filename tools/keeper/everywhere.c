/* SPDX-License-Identifier: MIT */
#include "everywhere.h"

#include "bounded.h"
#include "renew.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	SPACES_MAX = 4096, /* what is beyond is looked at again and again */
	SECONDS_MAX = 4,   /* the keeper's answer is waited for */
};

struct walk {
	const struct remains *what;
	struct timespec until;
	bool is_left; /* somewhere */
	size_t count;
	ino_t done[SPACES_MAX]; /* namespaces that need no look any more */
};

static bool is_late(const struct walk *w)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > w->until.tv_sec ||
	       (now.tv_sec == w->until.tv_sec &&
		now.tv_nsec >= w->until.tv_nsec);
}

static bool is_done(const struct walk *w, ino_t space)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->done[i] == space)
			return true;
	return false;
}

static void set_done(struct walk *w, ino_t space)
{
	if (w->count < SPACES_MAX)
		w->done[w->count++] = space;
}

static int here(void *ctx, int fd)
{
	(void)fd;
	sweep_here(ctx);
	return 0;
}

static int there(void *ctx, int ns)
{
	return sweep_there(ctx, ns);
}

static int renew(void *ctx, int fd)
{
	(void)fd;
	renew_place(ctx);
	return 0;
}

/* Look after the namespace that ns is a descriptor of. */
static void visit(struct walk *w, int ns, ino_t space)
{
	struct remains r = *w->what;

	set_done(w, space);
	if (bounded_call(there, &r, ns) != 0)
		w->is_left = true;
}

/* Is anything of it to be seen by that process? */
static bool is_seen(const struct walk *w, const char *pid)
{
	struct mounted *list = NULL;
	char path[NAME_MAX + 32];
	bool seen;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	seen = mounts_parse(&list, f) == 0 && sweep_is_left(w->what, list);
	(void)fclose(f);
	mounts_free(list);
	return seen;
}

/*
 * Its namespace.  Its table has what is below its own root, so another process
 * there may see more.
 */
static void look_at(struct walk *w, const char *pid)
{
	char path[NAME_MAX + 32];
	struct stat st;
	int ns;

	(void)snprintf(path, sizeof(path), "/proc/%s/ns/mnt", pid);
	if (stat(path, &st) == 0 && is_done(w, st.st_ino))
		return;
	if (!is_seen(w, pid))
		return;
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns >= 0 && fstat(ns, &st) == 0 && !is_done(w, st.st_ino))
		visit(w, ns, st.st_ino);
	else if (ns < 0 && errno == EACCES)
		w->is_left = true;
	if (ns >= 0)
		(void)close(ns);
}

static void look_at_processes(struct walk *w)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;

	while (proc != NULL && !is_late(w) && (e = readdir(proc)) != NULL)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			look_at(w, e->d_name);
	if (proc != NULL)
		(void)closedir(proc);
}

/* Linux 6.12 knows the namespaces before and after one, by their age. */
static void look_along(struct walk *w, int ns, unsigned nr)
{
	struct {
		uint32_t size, mounts;
		uint64_t id;
	} info = {0};
	const unsigned long step = _IOC(_IOC_READ, NSIO, nr, sizeof(info));
	struct stat st;

	for (ns = dup(ns); ns >= 0 && !is_late(w);) {
		int next;

		info.size = sizeof(info);
		next = ioctl(ns, step, &info);
		(void)close(ns);
		ns = next;
		if (ns >= 0 && fstat(ns, &st) == 0 && !is_done(w, st.st_ino))
			visit(w, ns, st.st_ino);
	}
	if (ns >= 0)
		(void)close(ns);
}

/* All but this namespace, own. */
static void look_around(struct walk *w, int own)
{
	enum { MNT_NEXT = 11, MNT_PREVIOUS = 12 };

	look_at_processes(w);
	look_along(w, own, MNT_NEXT);
	look_along(w, own, MNT_PREVIOUS);
}

void everywhere_unmount(const struct remains *r)
{
	struct remains what = *r;
	struct walk *w = calloc(1, sizeof(*w));
	int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (w != NULL && own >= 0 && fstat(own, &st) == 0) {
		(void)clock_gettime(CLOCK_MONOTONIC, &w->until);
		w->until.tv_sec += SECONDS_MAX;
		w->what = r;
		set_done(w, st.st_ino);
	}
	(void)bounded_call(here, &what, -1);
	if (w != NULL && w->count > 0)
		look_around(w, own);
	if (w != NULL && w->is_left)
		(void)bounded_call(renew, &what, -1);
	if (own >= 0)
		(void)close(own);
	free(w);
}
