/* SPDX-License-Identifier: MIT */
#include "leases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct lease {
	int process;  /* pidfd */
	int terminal; /* or -1 */
	dev_t rdev;   /* of the terminal */
};

struct leases {
	struct loop *loop;
	void (*last)(void *ctx);
	void *ctx;
	size_t count;
	struct lease list[LEASES_MAX];
};

int leases_new(struct leases **ret, struct loop *loop, void (*last)(void *ctx),
	       void *ctx)
{
	struct leases *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->loop = loop;
	l->last = last;
	l->ctx = ctx;
	*ret = l;
	return 0;
}

/* Only of a pidfd the kernel tells whose it is (proc(5), fdinfo). */
static bool is_pidfd(int fd)
{
	static const char key[] = "Pid:";
	char path[64], line[128];
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, key, sizeof(key) - 1) == 0;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* Let nobody wait who writes to it. */
static bool set_nonblocking(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && ((flags & O_NONBLOCK) != 0 ||
			      fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

/* Can it be written to without waiting, and is it a terminal? */
static bool is_terminal(int fd, dev_t *rdev)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !isatty(fd))
		return false;
	*rdev = st.st_rdev;
	return set_nonblocking(fd);
}

static void end_lease(struct leases *l, size_t i)
{
	loop_remove(l->loop, l->list[i].process);
	(void)close(l->list[i].process);
	if (l->list[i].terminal >= 0)
		(void)close(l->list[i].terminal);
	l->list[i] = l->list[--l->count];
}

static void on_end(void *ctx, int fd)
{
	struct leases *l = ctx;
	size_t i = 0;

	while (l->list[i].process != fd)
		i++;
	end_lease(l, i);
	if (l->count == 0)
		l->last(l->ctx);
}

int leases_add(struct leases *l, int process, int terminal)
{
	struct lease lease = {.process = process, .terminal = terminal};
	int err = is_pidfd(process) ? 0 : -EINVAL;

	if (err == 0 && l->count == LEASES_MAX)
		err = -EBUSY;
	if (err == 0)
		err = loop_add(l->loop, process, on_end, l);
	if (terminal >= 0 &&
	    (err != 0 || !is_terminal(terminal, &lease.rdev))) {
		(void)close(terminal);
		lease.terminal = -1;
	}
	if (err == 0)
		l->list[l->count++] = lease;
	else
		(void)close(process);
	return err;
}

size_t leases_count(const struct leases *l)
{
	return l->count;
}

/* Has an earlier lease that terminal, too?  All of /dev/tty look the same. */
static bool is_again(const struct leases *l, size_t i)
{
	if (l->list[i].rdev == makedev(5, 0))
		return false;
	for (size_t k = 0; k < i; k++)
		if (l->list[k].terminal >= 0 &&
		    l->list[k].rdev == l->list[i].rdev)
			return true;
	return false;
}

void leases_tell(const struct leases *l, const char *text)
{
	char *line = NULL;
	int len = asprintf(&line, "\r\n%s\r\n", text);

	for (size_t i = 0; len > 0 && i < l->count; i++)
		/* Whoever has the same descriptor may have changed it. */
		if (l->list[i].terminal >= 0 && !is_again(l, i) &&
		    set_nonblocking(l->list[i].terminal))
			(void)!write(l->list[i].terminal, line, (size_t)len);
	if (len >= 0)
		free(line);
}

void leases_free(struct leases *l)
{
	while (l != NULL && l->count > 0)
		end_lease(l, l->count - 1);
	free(l);
}
