/* SPDX-License-Identifier: MIT */
#include "seen.h"

#include "statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
	NAME_LEN = 2 * SEAL_ID_LEN + 8, /* of a file, a suffix included */
	TEXT_LEN = 128,			/* of what is in it */
	NS_PER_SECOND = 1000000000,
};

/* The state folder, as a descriptor, or -errno. */
static int open_folder(bool make)
{
	char path[PATH_MAX];
	int err = statedir_get(path, NULL, make), fd;

	if (err != 0)
		return err;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

static void name_of(char name[static NAME_LEN], const struct seal_params *p)
{
	for (size_t i = 0; i < sizeof(p->id); i++)
		(void)snprintf(name + 2 * i, 3, "%02x", p->id[i]);
	(void)snprintf(name + 2 * sizeof(p->id), 6, ".seen");
}

/* Read the number of "KEY=NUMBER\n" at *text, and step behind it. */
static bool take_number(uint64_t *ret, const char **text, const char *key)
{
	const size_t len = strlen(key);
	char *end;

	if (strncmp(*text, key, len) != 0 || (*text)[len] < '0' ||
	    (*text)[len] > '9')
		return false;
	errno = 0;
	*ret = strtoull(*text + len, &end, 10);
	*text = end + 1;
	return errno == 0 && *end == '\n';
}

bool seen_parse(struct seen *ret, const char *text)
{
	return take_number(&ret->generation, &text, "generation=") &&
	       take_number(&ret->time_ns, &text, "sealed_ns=");
}

static int read_at(struct seen *ret, int folder, const struct seal_params *p)
{
	char name[NAME_LEN], text[TEXT_LEN];
	struct seen s = {0};
	ssize_t n;
	int fd;

	name_of(name, p);
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	/* One that a crash has cut off must not stand in the way. */
	if (!seen_parse(&s, text))
		return -ENOENT;
	*ret = s;
	return 0;
}

static int write_at(int folder, const struct seal_params *p)
{
	char name[NAME_LEN], temp[NAME_LEN + 32], text[TEXT_LEN];
	int len = snprintf(text, sizeof(text),
			   "generation=%" PRIu64 "\nsealed_ns=%" PRIu64 "\n",
			   p->generation, p->time_ns);
	uint32_t unique;
	int fd, err = 0;

	name_of(name, p);
	/* Several may note the same vault, in containers of their own. */
	if (getrandom(&unique, sizeof(unique), 0) != sizeof(unique))
		return -EIO;
	(void)snprintf(temp, sizeof(temp), "%s.%08x", name, unique);
	fd = openat(folder, temp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	errno = 0;
	if (write(fd, text, (size_t)len) != len)
		err = errno > 0 ? -errno : -EIO;
	if (close(fd) != 0 && err == 0)
		err = -errno;
	if (err == 0 && renameat(folder, temp, folder, name) != 0)
		err = -errno;
	if (err != 0)
		(void)unlinkat(folder, temp, 0);
	return err;
}

int seen_get(struct seen *ret, const struct seal_params *p)
{
	int folder, err;

	if (p->format != 2)
		return -ENOENT;
	folder = open_folder(false);
	if (folder < 0)
		return folder;
	err = read_at(ret, folder, p);
	(void)close(folder);
	return err;
}

static int note(const struct seal_params *p, bool lower)
{
	struct seen s = {0};
	int folder, err = 0;
	bool known;

	if (p->format != 2)
		return 0;
	folder = open_folder(true);
	if (folder < 0)
		return folder;
	known = read_at(&s, folder, p) == 0;
	if (!known || p->generation > s.generation ||
	    (lower && p->generation < s.generation))
		err = write_at(folder, p);
	(void)close(folder);
	return err;
}

int seen_note(const struct seal_params *p)
{
	return note(p, false);
}

int seen_accept(const struct seal_params *p)
{
	return note(p, true);
}

/* A time as people write it. */
static const char *when(char text[static 32], uint64_t ns)
{
	const time_t t = (time_t)(ns / NS_PER_SECOND);
	struct tm tm;

	text[0] = '\0';
	if (localtime_r(&t, &tm) == NULL ||
	    strftime(text, 32, "%F %T", &tm) == 0)
		(void)snprintf(text, 32, "at an unknown time");
	return text;
}

enum exit_code seen_check(const struct seal_params *p, const char *path)
{
	char is[32], was[32];
	struct seen s = {0};

	if (seen_get(&s, p) != 0 || p->generation >= s.generation)
		return EXIT_DONE;
	return msg_fail(
		EXIT_CONFLICT,
		"%s: is generation %" PRIu64 ", sealed %s, but generation "
		"%" PRIu64 ", sealed %s, has been seen here: an older vault "
		"was put in its place. To take it as it is, give -o rollback "
		"('tazpod unlock --options rollback'); to have a newer one "
		"back, see 'tazpod history' and 'tazpod restore'",
		path, p->generation, when(is, p->time_ns), s.generation,
		when(was, s.time_ns));
}
