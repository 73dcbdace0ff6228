/* SPDX-License-Identifier: MIT */
#include "bench.h"
#include "times.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ROUND = 300,	/* names made or removed in a run */
	APPENDS = 2000, /* to one file */
	PAGES = 1000,	/* random ones */
	THREADS = 4,
};

static void put(int dir, const char *name, int flags, const void *buf,
		size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | flags, 0644);

	must(fd >= 0, name);
	must(write(fd, buf, len) == (ssize_t)len, name);
	must(close(fd) == 0, name);
}

static const char *numbered(const char *stem, unsigned i)
{
	static _Thread_local char name[64];

	(void)snprintf(name, sizeof(name), "%s%u", stem, i);
	return name;
}

static const char *small_name(unsigned i)
{
	static _Thread_local char name[64];

	(void)snprintf(name, sizeof(name), "tree/d%u/secret-%u", i / FILES,
		       i % FILES);
	return name;
}

void side_fill(struct side *s)
{
	for (size_t i = 0; i < LARGE; i++)
		s->buf[i] = (unsigned char)((i * 2654435761U) >> 13);
	must(mkdirat(s->top, "tree", 0755) == 0, "tree");
	must(mkdirat(s->top, "hundred", 0755) == 0, "hundred");
	must(mkdirat(s->top, "new", 0755) == 0, "new");
	for (unsigned i = 0; i < FOLDERS; i++)
		must(mkdirat(s->top, numbered("tree/d", i), 0755) == 0, "tree");
	for (unsigned i = 0; i < FOLDERS * FILES; i++)
		put(s->top, small_name(i), O_EXCL, s->buf, SMALL);
	for (unsigned i = 0; i < HUNDRED; i++)
		put(s->top, numbered("hundred/name-", i), O_EXCL, s->buf, 1);
	must(symlinkat("tree/d0/secret-0", s->top, "link") == 0, "link");
	put(s->top, "large", O_EXCL, s->buf, LARGE);
	put(s->top, "pages", O_EXCL, s->buf, LARGE);
}

static unsigned stat_warm(struct side *s)
{
	struct stat st;

	for (unsigned i = 0; i < FOLDERS * FILES; i++)
		must(fstatat(s->top, small_name(i), &st, 0) == 0, "stat");
	return FOLDERS * FILES;
}

static unsigned stat_missing(struct side *s)
{
	struct stat st;

	for (unsigned i = 0; i < FOLDERS * FILES; i++)
		must(fstatat(s->top, "tree/d0/none", &st, 0) != 0, "stat");
	return FOLDERS * FILES;
}

/* Open, read and close each small file from the one with number first on. */
static void read_small(const struct side *s, unsigned first)
{
	char buf[SMALL + 1];

	for (unsigned i = 0; i < FOLDERS * FILES; i++) {
		const char *name = small_name((first + i) % (FOLDERS * FILES));
		int fd = openat(s->top, name, O_RDONLY);

		must(fd >= 0, name);
		must(read(fd, buf, sizeof(buf)) == SMALL, name);
		(void)close(fd);
	}
}

static unsigned open_read(struct side *s)
{
	read_small(s, 0);
	return FOLDERS * FILES;
}

struct reader {
	pthread_t thread;
	const struct side *side;
	unsigned first;
};

static void *read_thread(void *ctx)
{
	const struct reader *r = ctx;

	read_small(r->side, r->first);
	return NULL;
}

static unsigned open_read_threads(struct side *s)
{
	struct reader r[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		r[i].side = s;
		r[i].first = i * FILES;
		must(pthread_create(&r[i].thread, NULL, read_thread, &r[i]) ==
			     0,
		     "a thread");
	}
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(r[i].thread, NULL);
	return THREADS * FOLDERS * FILES;
}

/* List a folder, with the attributes of each name if asked.  Its names. */
static unsigned list(const struct side *s, const char *name, bool stats)
{
	int fd = openat(s->top, name, O_RDONLY | O_DIRECTORY);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned n = 0;
	struct stat st;

	must(d != NULL, name);
	for (struct dirent *e; (e = readdir(d)) != NULL; n++)
		if (stats)
			must(fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
				     0,
			     e->d_name);
	(void)closedir(d);
	return n;
}

static unsigned list_tree(struct side *s)
{
	unsigned n = list(s, "tree", true);

	for (unsigned i = 0; i < FOLDERS; i++)
		n += list(s, numbered("tree/d", i), true);
	return n;
}

static unsigned list_names(struct side *s)
{
	for (unsigned i = 0; i < 100; i++)
		(void)list(s, "hundred", false);
	return 100;
}

static void remove_new(struct side *s)
{
	for (unsigned i = 0; i < ROUND; i++)
		(void)unlinkat(s->top, numbered("new/n", i), 0);
}

static unsigned create(struct side *s)
{
	for (unsigned i = 0; i < ROUND; i++)
		put(s->top, numbered("new/n", i), O_EXCL, s->buf, SMALL);
	return ROUND;
}

static void create_all(struct side *s)
{
	remove_new(s);
	(void)create(s);
}

static unsigned unlink_all(struct side *s)
{
	for (unsigned i = 0; i < ROUND; i++)
		must(unlinkat(s->top, numbered("new/n", i), 0) == 0, "unlink");
	return ROUND;
}

static unsigned overwrite(struct side *s)
{
	for (unsigned i = 0; i < ROUND; i++)
		put(s->top, "tree/d1/secret-1", O_TRUNC, s->buf, SMALL);
	return ROUND;
}

static unsigned save(struct side *s)
{
	for (unsigned i = 0; i < ROUND; i++) {
		put(s->top, "tree/.saved", O_EXCL, s->buf, SMALL);
		must(renameat(s->top, "tree/.saved", s->top,
			      "tree/d2/secret-2") == 0,
		     "rename");
	}
	return ROUND;
}

static void reopen(struct side *s, const char *name, int flags)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = openat(s->top, name, flags, 0644);
	must(s->fd >= 0, name);
}

static void open_log(struct side *s)
{
	reopen(s, "log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
}

static unsigned append(struct side *s)
{
	for (unsigned i = 0; i < APPENDS; i++)
		must(write(s->fd, s->buf, APPEND) == APPEND, "append");
	return APPENDS;
}

static void open_fresh(struct side *s)
{
	reopen(s, "fresh", O_WRONLY | O_CREAT | O_TRUNC);
}

static void write_large(struct side *s, size_t piece)
{
	for (size_t at = 0; at < LARGE; at += piece)
		must(write(s->fd, s->buf + at, piece) == (ssize_t)piece,
		     "write");
}

static unsigned write_pages(struct side *s)
{
	write_large(s, PAGE);
	return LARGE >> 20;
}

static unsigned write_pieces(struct side *s)
{
	write_large(s, PIECE);
	return LARGE >> 20;
}

static void open_large(struct side *s)
{
	reopen(s, "large", O_RDONLY);
}

static unsigned read_large(struct side *s)
{
	for (size_t at = 0; at < LARGE; at += PIECE)
		must(pread(s->fd, s->buf, PIECE, (off_t)at) == PIECE, "read");
	return LARGE >> 20;
}

static unsigned map_large(struct side *s)
{
	const uint64_t *map =
		mmap(NULL, LARGE, PROT_READ, MAP_SHARED, s->fd, 0);

	must(map != MAP_FAILED, "mmap");
	for (size_t i = 0; i < LARGE / sizeof(*map); i++)
		s->sum += map[i];
	(void)munmap((void *)(uintptr_t)map, LARGE);
	return LARGE >> 20;
}

/* The same pages for every side. */
static off_t random_page(unsigned i)
{
	return (off_t)((i * 2654435761U) >> 19) % (LARGE / PAGE) * PAGE;
}

static unsigned read_random(struct side *s)
{
	for (unsigned i = 0; i < PAGES; i++)
		must(pread(s->fd, s->buf, PAGE, random_page(i)) == PAGE,
		     "read");
	return PAGES;
}

static void open_pages(struct side *s)
{
	reopen(s, "pages", O_WRONLY);
}

static unsigned write_random(struct side *s)
{
	for (unsigned i = 0; i < PAGES; i++)
		must(pwrite(s->fd, s->buf, PAGE, random_page(i)) == PAGE,
		     "write");
	return PAGES;
}

static unsigned read_link(struct side *s)
{
	char buf[64];

	for (unsigned i = 0; i < ROUND; i++)
		must(readlinkat(s->top, "link", buf, sizeof(buf)) > 0, "link");
	return ROUND;
}

const struct workload workloads[] = {
	{"stat, warm", NULL, stat_warm, false, 1.2, 1.2},
	{"stat, missing name", NULL, stat_missing, false, 0.65, 0.65},
	{"open+read+close 1 KiB, warm", NULL, open_read, false, 1.35, 1.35},
	{"the same by 4 threads", NULL, open_read_threads, false, 1.35, 1.35},
	{"open+read+close 1 KiB, cold", NULL, open_read, true, 5.3, 5.3},
	{"ls -lR per entry, warm", NULL, list_tree, false, 1.35, 1.35},
	{"ls -lR per entry, cold", NULL, list_tree, true, 2.8, 2.8},
	{"opendir+readdir of 100, warm", NULL, list_names, false, 0.7, 0.7},
	{"create+write+close 1 KiB", remove_new, create, false, 4.3, 0},
	{"overwrite with O_TRUNC 1 KiB", NULL, overwrite, false, 3.7, 0},
	{"save by temporary and rename", NULL, save, false, 4.0, 0},
	{"unlink", create_all, unlink_all, false, 2.8, 0},
	{"append 100 B", open_log, append, false, 12, 1.5},
	{"write 32 MiB by 4 KiB, per MiB", open_fresh, write_pages, false, 4.6,
	 0},
	{"write 32 MiB by 128 KiB, per MiB", open_fresh, write_pieces, false,
	 1.4, 0},
	{"read 32 MiB, warm, per MiB", open_large, read_large, false, 1.05,
	 1.05},
	{"mmap 32 MiB, warm, per MiB", open_large, map_large, false, 1.05,
	 1.05},
	{"random 4 KiB read, warm", open_large, read_random, false, 1.05, 1.05},
	{"read 32 MiB, cold, per MiB", open_large, read_large, true, 2.2, 2.2},
	{"mmap 32 MiB, cold, per MiB", open_large, map_large, true, 3.0, 3.0},
	{"random 4 KiB write", open_pages, write_random, false, 5.6, 3.3},
	{"readlink", NULL, read_link, false, 2.0, 2.0},
};
const size_t workload_count = sizeof(workloads) / sizeof(workloads[0]);
