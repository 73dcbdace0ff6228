/* SPDX-License-Identifier: MIT */
#include "history.h"

#include "store_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The number in a name NAME.~N~, or 0. */
static uint64_t number_of(const struct store *s, const char *name)
{
	size_t len = strlen(s->name);
	uint64_t n;
	char *end;

	if (strncmp(name, s->name, len) != 0 || name[len] != '.' ||
	    name[len + 1] != '~' || name[len + 2] < '1' || name[len + 2] > '9')
		return 0;
	errno = 0;
	n = strtoull(name + len + 2, &end, 10);
	return errno == 0 && strcmp(end, "~") == 0 ? n : 0;
}

static void name_of(char name[static NAME_MAX + 32], const struct store *s,
		    uint64_t number)
{
	(void)snprintf(name, NAME_MAX + 32, "%s.~%" PRIu64 "~", s->name,
		       number);
}

static int ascending(const void *a, const void *b)
{
	const struct generation *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* Append g, if it is a file. */
static int add(struct generation **list, size_t *count, const struct store *s,
	       const char *name)
{
	const uint64_t number = number_of(s, name);
	struct generation *more;
	struct stat st;

	if (number == 0 ||
	    fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	more = reallocarray(*list, *count + 1, sizeof(**list));
	if (more == NULL)
		return -ENOMEM;
	*list = more;
	more[(*count)++] =
		(struct generation){number, st.st_ino, (uint64_t)st.st_size,
				    st.st_mtim, st.st_ctim};
	return 0;
}

/* Those that were kept first come first, whatever number they have. */
static int by_age(const void *a, const void *b)
{
	const struct generation *x = a, *y = b;

	if (x->kept.tv_sec != y->kept.tv_sec)
		return x->kept.tv_sec < y->kept.tv_sec ? -1 : 1;
	if (x->kept.tv_nsec != y->kept.tv_nsec)
		return x->kept.tv_nsec < y->kept.tv_nsec ? -1 : 1;
	return ascending(a, b);
}

/* The store's folder, to be read from its beginning, or NULL and errno. */
static DIR *open_folder(const struct store *s)
{
	/* A descriptor of its own, whose position is nobody else's. */
	int fd = store_openat(s->dir, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	int err = errno;

	if (d == NULL && fd >= 0)
		(void)close(fd);
	errno = err;
	return d;
}

int history_list(struct generation **ret, size_t *count, const struct store *s)
{
	DIR *d = open_folder(s);
	const struct dirent *e;
	int err = 0;

	*ret = NULL;
	*count = 0;
	if (d == NULL)
		return -errno;
	while (err == 0 && (e = readdir(d)) != NULL)
		err = add(ret, count, s, e->d_name);
	(void)closedir(d);
	if (err != 0) {
		free(*ret);
		*ret = NULL;
		return err;
	}
	if (*count > 0)
		qsort(*ret, *count, sizeof(**ret), ascending);
	return 0;
}

/* Seconds until one more is due. */
static time_t due_in(const struct generation *g, size_t count, unsigned seconds)
{
	const time_t now = time(NULL);
	time_t left = 0;

	for (size_t i = 0; i < count; i++) {
		time_t age = now - g[i].kept.tv_sec;

		/* One from the future does not count: clocks are set. */
		if (age >= 0 && age < (time_t)seconds &&
		    (time_t)seconds - age > left)
			left = (time_t)seconds - age;
	}
	return left;
}

/* Has the file, as it is now, been kept already? */
static bool is_kept(const struct store *s, const struct generation *g,
		    size_t count)
{
	struct stat st;
	bool found = false;

	if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		found = found || g[i].ino == st.st_ino;
	return found;
}

/* Give the file one more name, with number or the first free one after all. */
static int name_it(const struct store *s, uint64_t number, uint64_t last)
{
	char name[NAME_MAX + 32];

	if (number != 0) {
		name_of(name, s, number);
		if (linkat(s->dir, s->name, s->dir, name, 0) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	name_of(name, s, last + 1);
	return linkat(s->dir, s->name, s->dir, name, 0) == 0 ? 0 : -errno;
}

static time_t uptime(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

int history_keep(struct store *s, const struct history_policy *policy,
		 uint64_t number)
{
	struct generation *list = NULL;
	size_t count = 0;
	char name[NAME_MAX + 32];
	time_t left = 0;
	int err;

	/* The folder is not read at each save.  Another name of what will be
	 * overwritten keeps nothing. */
	if (policy->keep == 0 || s->is_in_place ||
	    (policy->seconds > 0 && uptime() < s->history_due))
		return 0;
	err = store_check(s);
	if (err == 0)
		err = history_list(&list, &count, s);
	if (err == 0)
		left = due_in(list, count, policy->seconds);
	s->history_due = uptime() + (left > 0 ? left : policy->seconds);
	if (err != 0 || left > 0 || is_kept(s, list, count)) {
		free(list);
		return err;
	}
	err = name_it(s, number, count > 0 ? list[count - 1].number : 0);
	/* With the one that has just been added. */
	if (err == 0 && count > 0)
		qsort(list, count, sizeof(*list), by_age);
	for (size_t i = 0; err == 0 && i + policy->keep < count + 1; i++) {
		name_of(name, s, list[i].number);
		if (unlinkat(s->dir, name, 0) != 0 && errno != ENOENT)
			err = -errno;
	}
	free(list);
	return err;
}

int history_copy(struct store *s, const struct blob *b, uint64_t number)
{
	struct generation *list = NULL;
	struct store *copy = NULL;
	char suffix[32];
	size_t count = 0;
	int err = 0;

	/* Of a name that had to be cut it would not be found. */
	if (store_stem(s) != strlen(s->name))
		return -ENAMETOOLONG;
	err = history_list(&list, &count, s);
	if (err != 0)
		return err;
	for (unsigned i = 0; i < 2; i++) {
		if (number == 0 || i > 0)
			number = count > 0 ? list[count - 1].number + 1 : 1;
		(void)snprintf(suffix, sizeof(suffix), ".~%" PRIu64 "~",
			       number);
		err = store_create_near(&copy, s, suffix);
		if (err != -EEXIST)
			break;
	}
	free(list);
	if (err == 0)
		err = store_save(copy, b);
	store_close(copy);
	return err;
}

bool history_conflict(char name[static NAME_MAX + 1], const struct store *s)
{
	const size_t len = store_stem(s);
	DIR *d = open_folder(s);
	const struct dirent *e;

	name[0] = '\0';
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, s->name, len) == 0 &&
		    strncmp(e->d_name + len, ".conflict-", 10) == 0 &&
		    store_is_date(e->d_name + len + 10) &&
		    strcmp(e->d_name, name) > 0)
			(void)snprintf(name, NAME_MAX + 1, "%s", e->d_name);
	if (d != NULL)
		(void)closedir(d);
	return name[0] != '\0';
}

int history_load(struct blob *ret, const struct store *s, uint64_t number,
		 uint64_t limit)
{
	char name[NAME_MAX + 32];
	struct store_file f;

	name_of(name, s, number);
	return store_read(ret, &f, s, name, limit);
}
