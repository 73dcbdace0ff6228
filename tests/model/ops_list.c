/* SPDX-License-Identifier: MIT */
/* Listing folders.  The order is each file system's own, promises are not. */
#include "ops.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	NAMES = 1000,
	/* What an operation says of a list that breaks a promise. */
	TWICE = -1000,
	LOST = -1001,
	ELSEWHERE = -1002,
};

struct name {
	char text[256];
	off_t after; /* the place to go on from */
	char type;
};

struct listing {
	size_t count;
	struct name names[NAMES];
};

/* Add what is left at fd, at most room bytes at a time and most names. */
static long list_on(struct listing *l, int fd, size_t room, size_t most)
{
	uint8_t buf[4096];

	for (;;) {
		ssize_t n;

		if (l->count >= most)
			return 0;
		n = getdents64(fd, buf, room);
		if (n <= 0)
			return result(n);
		for (ssize_t at = 0; at < n && l->count < NAMES;) {
			const struct dirent64 *d = (void *)(buf + at);
			struct name *name = &l->names[l->count++];

			(void)snprintf(name->text, sizeof(name->text), "%s",
				       d->d_name);
			name->after = d->d_off;
			name->type = (char)('0' + d->d_type);
			at += d->d_reclen;
		}
	}
}

static size_t count_of(const struct listing *l, size_t from, const char *text)
{
	size_t n = 0;

	for (size_t i = from; i < l->count; i++)
		n += strcmp(l->names[i].text, text) == 0;
	return n;
}

/* Show l, sorted: types and names. */
static void show(struct side *s, const struct listing *l)
{
	for (size_t i = 0; i < l->count; i++) {
		size_t len = strlen(l->names[i].text) + 1;

		s->data[s->len++] = (uint8_t)l->names[i].type;
		memcpy(s->data + s->len, l->names[i].text, len);
		s->len += len;
	}
	sort_strings(s->data, s->len);
}

static long list_all(struct side *s, int fd)
{
	static struct listing l;
	long err;

	l.count = 0;
	err = list_on(&l, fd, sizeof(uint8_t[4096]), NAMES);
	if (err == 0)
		show(s, &l);
	return err;
}

long run_list(struct side *s, const struct op *o)
{
	int fd = openat(base_fd(s, o->base), o->path, O_RDONLY | O_DIRECTORY);
	long err;

	if (fd < 0)
		return -errno;
	err = list_all(s, fd);
	(void)close(fd);
	return err;
}

/* Whatever was read of the slot before, from the start again. */
long run_list_fd(struct side *s, const struct op *o)
{
	struct stat st;

	if (fstat(s->fd[o->fd], &st) == 0 && S_ISDIR(st.st_mode))
		(void)lseek(s->fd[o->fd], 0, SEEK_SET);
	return list_all(s, s->fd[o->fd]);
}

/* Names come and go in the folder at fd. */
static void change(int fd, const struct op *o)
{
	for (unsigned i = 0; i < 6; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u",
			       (unsigned)(o->seed >> 4 * i & 15));
		if (unlinkat(fd, name, 0) != 0)
			(void)mknodat(fd, name, S_IFREG | 0644, 0);
	}
	(void)unlinkat(fd, "a", 0);
}

/* One that went and came again may be met twice, or not at all. */
static bool may_change(const char *name)
{
	return strcmp(name, "a") == 0 || (name[0] == 'n' && name[1] <= '9');
}

/* What was there from first to last must be in l once, nothing twice. */
static long check_changing(const struct listing *before,
			   const struct listing *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (!may_change(l->names[i].text) &&
		    count_of(l, i + 1, l->names[i].text) > 0)
			return TWICE;
	for (size_t i = 0; i < before->count; i++)
		if (!may_change(before->names[i].text) &&
		    count_of(l, 0, before->names[i].text) == 0)
			return LOST;
	return 0;
}

long run_list_changing(struct side *s, const struct op *o)
{
	static struct listing before, l, after;
	size_t room = 300 + o->seed % 600;
	int fd = openat(base_fd(s, o->base), o->path, O_RDONLY | O_DIRECTORY);
	long err;

	if (fd < 0)
		return -errno;
	before.count = l.count = after.count = 0;
	err = list_on(&before, fd, 4096, NAMES);
	(void)lseek(fd, 0, SEEK_SET);
	if (err == 0)
		err = list_on(&l, fd, room, 1 + o->seed % 8);
	change(fd, o);
	if (err == 0)
		err = list_on(&l, fd, room, NAMES);
	(void)lseek(fd, 0, SEEK_SET);
	if (err == 0)
		err = list_on(&after, fd, 4096, NAMES);
	/* tmpfs itself loses names, or lists them twice, after renames. */
	if (err == 0 && !s->reference)
		err = check_changing(&before, &l);
	show(s, &after);
	(void)close(fd);
	return err;
}

/* From a place that was seen, the list goes on as it did. */
long run_list_seeking(struct side *s, const struct op *o)
{
	static struct listing all, tail;
	int fd = openat(base_fd(s, o->base), o->path, O_RDONLY | O_DIRECTORY);
	long err;

	if (fd < 0)
		return -errno;
	all.count = tail.count = 0;
	err = list_on(&all, fd, 4096, NAMES);
	if (err == 0 && all.count > 0 && !s->reference) {
		size_t from = o->seed % all.count + 1;

		(void)lseek(fd, all.names[from - 1].after, SEEK_SET);
		err = list_on(&tail, fd, 300 + o->seed % 600, NAMES);
		if (err == 0 && tail.count != all.count - from)
			err = ELSEWHERE;
		for (size_t i = 0; err == 0 && i < tail.count; i++)
			if (strcmp(tail.names[i].text,
				   all.names[from + i].text) != 0)
				err = ELSEWHERE;
	}
	(void)close(fd);
	return err;
}
