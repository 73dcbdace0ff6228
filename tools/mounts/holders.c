/* SPDX-License-Identifier: MIT */
#include "holders.h"

#include "maps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	KNOWN_MAX = 1024, /* beyond, a path may be counted twice */
	ANCESTORS_MAX = 256,
	LINK_LEN = 64, /* of a namespace's name, or a number */
	SPARE = 8,     /* descriptors that it takes to look at the next */
};

/* What is looked for, and by whom. */
struct scan {
	dev_t dev;
	pid_t self, daemon;
	int proc; /* /proc */
	int fd_limit;
	char namespace[LINK_LEN];
	pid_t ancestors[ANCESTORS_MAX];
	size_t ancestor_count;
	struct holders found;
};

/* What one process holds. */
struct look {
	dev_t dev;
	int dir; /* its folder in /proc: of no other process, ever */
	bool is_holding;
	enum holder_how how;
	char path[PATH_MAX]; /* what it holds so */
	unsigned more;
	uint64_t known[KNOWN_MAX]; /* hashes of the paths */
	size_t known_count;
};

/* FNV-1a: nobody gains by a collision but one path less in a count. */
static uint64_t hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return h;
}

/* Has this path been seen?  If not, it has now. */
static bool is_known(struct look *l, const char *path)
{
	const uint64_t h = hash(path);

	for (size_t i = 0; i < l->known_count; i++)
		if (l->known[i] == h)
			return true;
	if (l->known_count < KNOWN_MAX)
		l->known[l->known_count++] = h;
	return false;
}

/* It holds what is at that path; the kernel marks what has no name any more. */
static void note(struct look *l, enum holder_how how, const char *path)
{
	static const char mark[] = " (deleted)";
	char clean[PATH_MAX];
	size_t len;

	(void)snprintf(clean, sizeof(clean), "%s", path);
	len = strlen(clean);
	if (len >= sizeof(mark) &&
	    strcmp(clean + len - (sizeof(mark) - 1), mark) == 0)
		clean[len - (sizeof(mark) - 1)] = '\0';
	if (is_known(l, clean))
		return;
	if (l->is_holding)
		l->more++;
	if (l->is_holding && l->how <= how)
		return;
	l->is_holding = true;
	l->how = how;
	memcpy(l->path, clean, sizeof(clean));
}

/*
 * Does the link that stands for something open lead to our filesystem?  To ask
 * for nothing needs neither its daemon nor the right to enter it.  0 or -errno.
 */
static int look_at_link(struct look *l, int dir, const char *name,
			enum holder_how how)
{
	char path[PATH_MAX] = "";
	struct statx st;
	ssize_t n;

	if (statx(dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &st) != 0)
		return -errno;
	if (makedev(st.stx_dev_major, st.stx_dev_minor) != l->dev)
		return 0;
	n = readlinkat(dir, name, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	note(l, how, path);
	return 0;
}

static void look_at_descriptors(struct look *l)
{
	int fd = openat(l->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)look_at_link(l, fd, e->d_name, HOLDER_FILE);
	(void)closedir(d);
}

static void on_mapping(void *ctx, const struct mapping *m)
{
	struct look *l = ctx;

	if (m->dev == l->dev)
		note(l, HOLDER_MAPPING, m->path);
}

static void look_at_mappings(struct look *l)
{
	int fd = openat(l->dir, "maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)maps_each(fd, on_mapping, l);
	(void)close(fd);
}

static void look_at(struct look *l)
{
	int err = look_at_link(l, l->dir, "exe", HOLDER_PROGRAM);

	/*
	 * What has no program is of the kernel or has ended; where it cannot
	 * be seen, nothing else can.
	 */
	if (err == -ENOENT || err == -ESRCH || err == -EACCES)
		return;
	look_at_descriptors(l);
	(void)look_at_link(l, l->dir, "cwd", HOLDER_FOLDER);
	(void)look_at_link(l, l->dir, "root", HOLDER_ROOT);
	look_at_mappings(l);
}

/* The parent of the process whose folder, relative to dir, is name; or 0. */
static pid_t parent_of(int dir, const char *name)
{
	char text[512], path[LINK_LEN];
	const char *after;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/stat", name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	/* The name before it may have any bytes; then come state and parent. */
	after = strrchr(text, ')');
	if (after == NULL || strlen(after) < 4)
		return 0;
	return (pid_t)strtol(after + 4, NULL, 10);
}

/* Who started us, who started that, and so on. */
static void find_ancestors(struct scan *s)
{
	char name[LINK_LEN];
	pid_t pid = getppid();

	while (pid > 0 && s->ancestor_count < ANCESTORS_MAX) {
		s->ancestors[s->ancestor_count++] = pid;
		(void)snprintf(name, sizeof(name), "%d", pid);
		pid = parent_of(s->proc, name);
	}
}

static bool is_spared(const struct scan *s, pid_t pid)
{
	for (size_t i = 0; i < s->ancestor_count; i++)
		if (s->ancestors[i] == pid)
			return true;
	return pid == 1;
}

/* Where that link, relative to dir, leads, or "". */
static void read_link(int dir, const char *link, char to[static LINK_LEN])
{
	ssize_t n = readlinkat(dir, link, to, LINK_LEN - 1);

	to[n > 0 ? n : 0] = '\0';
}

/* What its program is called.  False: it has gone. */
static bool read_name(int dir, char name[static HOLDER_NAME_LEN])
{
	int fd = openat(dir, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, name, HOLDER_NAME_LEN - 1) : -1;

	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return false;
	name[name[n - 1] == '\n' ? n - 1 : n] = '\0';
	return true;
}

static void release(struct holder *h)
{
	if (h->pidfd >= 0)
		(void)close(h->pidfd);
	free(h);
}

/*
 * Who the process is that was looked at.  0, -ESRCH if it has gone, or the
 * -errno of pidfd_open(2); h->pidfd may be open even so.
 */
static int identify(const struct scan *s, const struct look *l,
		    struct holder *h)
{
	char namespace[LINK_LEN];

	h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	if (h->pidfd < 0)
		return -errno;
	if (h->pidfd >= s->fd_limit)
		return -EMFILE;
	/* What its folder still has: so the number was no other's by then. */
	if (!read_name(l->dir, h->name))
		return -ESRCH;
	read_link(l->dir, "ns/mnt", namespace);
	h->is_elsewhere =
		namespace[0] != '\0' && strcmp(namespace, s->namespace) != 0;
	h->is_spared = is_spared(s, h->pid);
	return 0;
}

/* Put h, which is released if it cannot be identified, at the end. */
static void add(struct scan *s, const struct look *l, struct holder *h)
{
	struct holders *found = &s->found;
	int err = identify(s, l, h);

	if (err != 0) {
		found->left_out += err != -ESRCH;
		release(h);
		return;
	}
	if (found->last != NULL)
		found->last->next = h;
	else
		found->first = h;
	found->last = h;
	found->count++;
}

/* That process holds what was found.  0 or -ENOMEM. */
static int take(struct scan *s, const struct look *l, pid_t pid)
{
	const size_t len = strlen(l->path) + 1;
	struct holder *h;

	if (s->found.count == HOLDERS_MAX) {
		s->found.left_out++;
		return 0;
	}
	h = malloc(sizeof(*h) + len);
	if (h == NULL)
		return -ENOMEM;
	*h = (struct holder){
		.pid = pid, .pidfd = -1, .how = l->how, .more = l->more};
	memcpy(h->path, l->path, len);
	add(s, l, h);
	return 0;
}

/* The process whose folder in /proc is called name.  0 or -ENOMEM. */
static int look_at_process(struct scan *s, struct look *l, const char *name)
{
	const pid_t pid = (pid_t)strtol(name, NULL, 10);
	int err = 0;

	if (pid <= 0 || pid == s->self || pid == s->daemon)
		return 0;
	l->dir = openat(s->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0)
		return 0;
	l->is_holding = false;
	l->more = 0;
	l->known_count = 0;
	look_at(l);
	/* A daemon starts nothing but its keeper. */
	if (l->is_holding &&
	    (s->daemon == 0 || parent_of(l->dir, ".") != s->daemon))
		err = take(s, l, pid);
	(void)close(l->dir);
	return err;
}

static int look_at_all(struct scan *s, struct look *l, DIR *d)
{
	const struct dirent *e;
	struct rlimit files;
	char number[LINK_LEN];
	int err = 0;

	s->proc = dirfd(d);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < INT_MAX)
		s->fd_limit = (int)files.rlim_cur - SPARE;
	/* In another namespace of processes a number would be another's. */
	read_link(s->proc, "self", number);
	if (strtol(number, NULL, 10) != s->self)
		return -ESRCH;
	read_link(s->proc, "self/ns/mnt", s->namespace);
	find_ancestors(s);
	while (err == 0 && (e = readdir(d)) != NULL)
		err = look_at_process(s, l, e->d_name);
	return err;
}

int holders_find(struct holders *ret, dev_t dev, pid_t daemon)
{
	struct scan s = {.dev = dev,
			 .self = getpid(),
			 .daemon = daemon,
			 .fd_limit = INT_MAX};
	struct look *l = calloc(1, sizeof(*l));
	DIR *d = opendir("/proc");
	int err;

	if (d == NULL)
		err = -errno;
	else if (l == NULL)
		err = -ENOMEM;
	else {
		l->dev = dev;
		err = look_at_all(&s, l, d);
	}
	if (err == 0)
		*ret = s.found;
	else
		holders_free(&s.found);
	if (d != NULL)
		(void)closedir(d);
	free(l);
	return err;
}

bool holders_is_alive(const struct holder *h)
{
	struct pollfd p = {.fd = h->pidfd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

void holders_free(struct holders *h)
{
	struct holder *one = h->first;

	while (one != NULL) {
		struct holder *next = one->next;

		release(one);
		one = next;
	}
	*h = (struct holders){0};
}
