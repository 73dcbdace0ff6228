/* SPDX-License-Identifier: MIT */
/* One operation on both sides, and what it has done to what it may touch. */
#include "ops.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

/* What is looked at before and after every operation. */
enum {
	NAME,
	NAMED,	/* what a link points to */
	PARENT, /* the folder it is in */
	NAME2,
	NAMED2,
	PARENT2,
	FIRST_SLOT,
	FIRST_MAP = FIRST_SLOT + SLOTS,
	WATCHED = FIRST_MAP + MAPS,
};

struct watched {
	int err;
	struct stat st;
};

static const char *name_of(char *buf, size_t room, int i)
{
	static const char *const names[] = {
		"path",	  "target of path",   "parent",
		"path 2", "target of path 2", "parent 2"};

	if (i < FIRST_SLOT)
		return names[i];
	(void)snprintf(buf, room, i < FIRST_MAP ? "fd%d" : "map%d",
		       i < FIRST_MAP ? i - FIRST_SLOT : i - FIRST_MAP);
	return buf;
}

static void look_at(struct watched *w, int fd, const char *path, int flags)
{
	w->err = fstatat(fd, path, &w->st, flags) == 0 ? 0 : errno;
}

static void look_at_path(struct watched *w, int fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_ROOM] = ".";

	if (slash != NULL)
		(void)snprintf(parent, sizeof(parent), "%.*s",
			       (int)(slash - path), path);
	look_at(&w[NAME], fd, path, AT_SYMLINK_NOFOLLOW);
	look_at(&w[NAMED], fd, path, 0);
	look_at(&w[PARENT], fd, parent, 0);
}

/* Make the side's folder the root: no ".." leaves it. */
static void enter(const struct side *s)
{
	if (fchdir(s->top) != 0 || chroot(".") != 0)
		perror("chroot");
}

static void watch(struct watched *w, const struct side *s, const struct op *o)
{
	enter(s);
	look_at_path(&w[NAME], base_fd(s, o->base), o->path);
	look_at_path(&w[NAME2], base_fd(s, o->base2), o->path2);
	for (int i = 0; i < SLOTS; i++)
		look_at(&w[FIRST_SLOT + i], s->fd[i], "", AT_EMPTY_PATH);
	for (int i = 0; i < MAPS; i++)
		look_at(&w[FIRST_MAP + i], s->map[i].fd, "", AT_EMPTY_PATH);
}

static void become(uid_t user)
{
	const gid_t groups[] = {2000};

	/* Root's rights are needed for all but the last of these. */
	if (seteuid(0) != 0 || setgroups(user == 1000, groups) != 0 ||
	    setegid(user) != 0 || seteuid(user) != 0)
		perror("seteuid");
}

static long run(struct side *s, const struct op *o)
{
	long n;

	enter(s);
	s->len = 0;
	(void)umask(o->umask);
	if (o->user != 0)
		become(o->user);
	n = op_kinds[o->kind].run(s, o);
	if (o->user != 0)
		become(0);
	(void)umask(0);
	return n;
}

static bool is_same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

struct change {
	const struct side *side;
	const struct watched *before, *after;
	struct timespec tick; /* the coarse clock at the beginning */
};

/* May it have changed though its times are the same? */
static bool is_hidden(const struct change *c)
{
	const struct stat *st = &c->after->st;
	const struct timespec *t = &st->st_ctim;

	/* unlink and link on tmpfs give the folder the file's new ctime, which
	 * can be what the folder has already. */
	if (!c->side->coarse && !(c->side->reference && S_ISDIR(st->st_mode)))
		return false;
	return c->tick.tv_sec < t->tv_sec ||
	       (c->tick.tv_sec == t->tv_sec && c->tick.tv_nsec <= t->tv_nsec);
}

static bool is_still_there(const struct change *c)
{
	return c->before->err == 0 && c->after->err == 0 &&
	       c->before->st.st_ino == c->after->st.st_ino;
}

/* Have the same times moved on both sides? */
static bool moves_differ(const struct report *r, const struct change *c,
			 const char *name)
{
	bool m[2], n[2];

	if (is_still_there(&c[0]) != is_still_there(&c[1]))
		return differs(r, "%s: another inode on one side", name);
	if (!is_still_there(&c[0]))
		return false;
	for (int i = 0; i < 2; i++) {
		const struct stat *a = &c[i].before->st, *b = &c[i].after->st;

		m[i] = !is_same(&a->st_mtim, &b->st_mtim);
		n[i] = !is_same(&a->st_ctim, &b->st_ctim);
	}
	if (m[0] == m[1] && n[0] == n[1])
		return false;
	for (int i = 0; i < 2; i++)
		if (m[i] <= m[!i] && n[i] <= n[!i] && is_hidden(&c[i]))
			return false;
	return differs(r, "%s: mtime %s, ctime %s; they should have %s, %s",
		       name, m[1] ? "moved" : "stayed",
		       n[1] ? "moved" : "stayed", m[0] ? "moved" : "stayed",
		       n[0] ? "moved" : "stayed");
}

static bool watched_differs(const struct report *r, const struct change *c,
			    const char *name)
{
	if (c[0].after->err != c[1].after->err)
		return differs(r, "%s: %s, not %s", name,
			       strerrorname_np(c[1].after->err),
			       strerrorname_np(c[0].after->err));
	if (c[0].after->err != 0)
		return false;
	return stat_differs(r, &c[0].after->st, &c[1].after->st, name) ||
	       moves_differ(r, c, name);
}

static const char *text_of(char *buf, size_t room, long n)
{
	if (n < 0 && strerrorname_np((int)-n) != NULL)
		return strerrorname_np((int)-n);
	(void)snprintf(buf, room, "%ld", n);
	return buf;
}

static bool results_differ(const struct report *r, const struct side *s,
			   const long n[2])
{
	char a[32], b[32];

	if (n[0] != n[1])
		return differs(r, "gives %s, not %s",
			       text_of(b, sizeof(b), n[1]),
			       text_of(a, sizeof(a), n[0]));
	if (s[0].len != s[1].len)
		return differs(r, "shows %zu bytes, not %zu", s[1].len,
			       s[0].len);
	for (size_t i = 0; i < s[0].len; i++)
		if (s[0].data[i] != s[1].data[i])
			return differs(r, "shows %d at %zu, not %d",
				       s[1].data[i], i, s[0].data[i]);
	return false;
}

static struct report report_to(struct game *g, unsigned number)
{
	return (struct report){g->what, sizeof(g->what),
			       epoch_is_exact(number) && !g->writeback,
			       g->writeback};
}

bool game_play(struct game *g, unsigned number)
{
	const struct report r = report_to(g, number);
	struct watched before[2][WATCHED], after[2][WATCHED];
	struct timespec tick;
	struct op o;
	long n[2];
	char buf[32];

	op_make(&o, g->seed, number);
	/* With writeback the kernel looks for holes by itself, and finds
	 * none. */
	o.exact = o.exact && !g->writeback;
	for (int i = 0; i < 2; i++)
		watch(before[i], &g->side[i], &o);
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &tick);
	for (int i = 0; i < 2; i++)
		n[i] = run(&g->side[i], &o);
	for (int i = 0; i < 2; i++)
		watch(after[i], &g->side[i], &o);
	if (results_differ(&r, g->side, n))
		return true;
	for (int i = 0; i < WATCHED; i++) {
		const struct change c[] = {
			{&g->side[0], &before[0][i], &after[0][i], tick},
			{&g->side[1], &before[1][i], &after[1][i], tick}};

		if (watched_differs(&r, c, name_of(buf, sizeof(buf), i))) {
			size_t len = strlen(g->what);

			(void)snprintf(g->what + len, sizeof(g->what) - len,
				       " (both give %s)",
				       text_of(buf, sizeof(buf), n[0]));
			return true;
		}
	}
	return false;
}

bool game_look(struct game *g, unsigned number)
{
	const struct report r = report_to(g, number);

	return tree_differs(&r, &g->side[0], &g->side[1]);
}

static void close_slots(struct side *s)
{
	for (int i = 0; i < SLOTS; i++) {
		if (s->fd[i] >= 0)
			(void)close(s->fd[i]);
		s->fd[i] = -1;
	}
	for (int i = 0; i < MAPS; i++)
		(void)run_unmap(s, &(struct op){.map = i});
}

static void end_epoch(struct side *s)
{
	close_slots(s);
	if (s->top >= 0)
		(void)close(s->top);
	s->top = -1;
	tree_remove(s->dir, "epoch");
}

void game_close(struct game *g)
{
	for (int i = 0; i < 2; i++)
		end_epoch(&g->side[i]);
	/* Leak checkers look for /proc at the end. */
	if (fchdir(g->root) != 0 || chroot(".") != 0)
		perror("chroot");
}

void game_start(struct game *g)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = &g->side[i];

		end_epoch(s);
		if (mkdirat(s->dir, "epoch", 0777) != 0)
			perror("epoch");
		s->top = openat(s->dir, "epoch", O_PATH | O_CLOEXEC);
	}
}

/* Does the clock of the side stand still between two changes? */
static bool is_coarse(const struct side *s)
{
	struct stat a, b;
	bool coarse = false;

	for (int i = 0; i < 20; i++) {
		(void)fchmod(s->dir, 0755);
		(void)fstat(s->dir, &a);
		(void)fchmod(s->dir, 0777);
		(void)fstat(s->dir, &b);
		coarse |= is_same(&a.st_ctim, &b.st_ctim);
	}
	return coarse;
}

int game_open(struct game *g, const char *reference, const char *tested)
{
	(void)umask(0);
	g->root = open("/", O_PATH | O_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		struct side *s = &g->side[i];

		s->top = -1;
		for (int slot = 0; slot < SLOTS; slot++)
			s->fd[slot] = -1;
		for (int map = 0; map < MAPS; map++)
			s->map[map].fd = -1;
		s->data = mmap(NULL, DATA_MAX, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		s->dir = open(i == 0 ? reference : tested,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (s->data == MAP_FAILED || s->dir < 0)
			return -errno;
		s->coarse = is_coarse(s) || (i == 1 && g->writeback);
	}
	g->side[0].reference = true;
	return 0;
}
