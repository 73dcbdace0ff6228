/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Where this process's user is not mapped, it is the overflow uid, and so is
 * each stranger that has a file.
 */
static bool is_mapped(uid_t uid)
{
	FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned first, outside, count;
	bool is_found = false;

	if (f == NULL)
		return false;
	while (!is_found &&
	       fscanf(f, "%u %u %u", &first, &outside, &count) == 3)
		is_found = uid >= first && uid - first < count;
	(void)fclose(f);
	return is_found;
}

/*
 * For root: is that who has become root by sudo(8), to run this?  And in a pod
 * nobody is but who owns the project.
 */
static bool is_roots_client(uid_t uid)
{
	const char *text = geteuid() == 0 ? getenv("SUDO_UID") : NULL;
	char own[16];

	if (geteuid() == 0 && getenv(CONFIG_POD_VARIABLE) != NULL)
		return true;
	(void)snprintf(own, sizeof(own), "%u", uid);
	return text != NULL && strcmp(text, own) == 0;
}

static bool is_trusted(uid_t owner)
{
	return owner == 0 || (owner == geteuid() && is_mapped(owner)) ||
	       is_roots_client(owner);
}

/*
 * The file says what a container may do and what is run, so nobody else may
 * have written it.
 */
static enum exit_code check(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return msg_fail(EXIT_FAILED, "%s: %s", path, msg_error(-errno));
	if (!S_ISREG(st.st_mode))
		return msg_fail(EXIT_USAGE,
				"%s: not a regular file; put one in its place",
				path);
	if (!is_trusted(st.st_uid))
		return msg_fail(EXIT_USAGE,
				"%s: belongs to user %u, whom it would obey; "
				"if you trust what is in it, copy it into a "
				"file of your own",
				path, st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return msg_fail(EXIT_USAGE,
				"%s: others may write to it; run "
				"'chmod go-w %s'",
				path, path);
	return EXIT_DONE;
}

/* Fill text, up to size bytes.  The number of them or -errno. */
static ssize_t slurp(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < size && n != 0) {
		n = read(fd, text + len, size - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			len += (size_t)n;
	}
	return (ssize_t)len;
}

static enum exit_code read_open(struct config *ret, int fd, const char *path)
{
	char text[YAML_INPUT_MAX + 1]; /* one more, so that it is refused */
	struct yaml_error e = {0};
	enum exit_code code = check(fd, path);
	ssize_t len;
	int err;

	if (code != EXIT_DONE)
		return code;
	len = slurp(fd, text, sizeof(text));
	if (len < 0)
		return msg_fail(EXIT_FAILED, "%s: %s", path,
				msg_error((int)len));
	err = config_parse(ret, text, (size_t)len, &e);
	if (err == -ENOMEM)
		return msg_fail(EXIT_FAILED, "%s: out of memory", path);
	if (err != 0)
		return msg_fail(EXIT_USAGE, "%s:%u: %s", path, e.line, e.what);
	return EXIT_DONE;
}

enum exit_code config_read(struct config *ret, const char *path)
{
	/* A pipe in its place keeps nobody waiting. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
				    O_NOCTTY);
	enum exit_code code;

	if (fd < 0 && errno == ENOENT) {
		config_init(ret);
		return EXIT_DONE;
	}
	if (fd < 0 && errno == ELOOP)
		return msg_fail(EXIT_USAGE,
				"%s: a symbolic link; put a regular file in "
				"its place",
				path);
	if (fd < 0)
		return msg_fail(EXIT_FAILED, "%s: %s", path, msg_error(-errno));
	code = read_open(ret, fd, path);
	(void)close(fd);
	return code;
}

void config_say_unused(const struct config *c, const char *path)
{
	for (size_t i = 0; c->unused[i] != NULL; i++)
		msg_say("%s:%u: '%s' is the forerunner's; nothing comes of it "
			"here",
			path, c->unused_lines[i], c->unused[i]);
}
