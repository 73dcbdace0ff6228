/* SPDX-License-Identifier: MIT */
/* One file of a sealed vault, without a mount. */
#include "commands.h"

#include "crypto/crypto.h"
#include "crypto/mem.h"
#include "target.h"
#include "tools/vault/openvault.h"
#include "treepath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP = 64 << 10 };

/* Write len bytes to fd.  0 or -errno. */
static int write_all(int fd, const uint8_t *buf, size_t len)
{
	while (len > 0) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t done = write(fd, buf, len);

		if (done >= 0) {
			buf += done;
			len -= (size_t)done;
		} else if (errno == EAGAIN) {
			(void)poll(&p, 1, -1);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Write all of n to fd. */
static int write_node(int fd, const struct node *n)
{
	uint8_t *buf = mem_alloc_in(MEM_BOUNCE, STEP);
	uint64_t off = 0;
	ssize_t got = 1;
	int err = buf != NULL ? 0 : -ENOMEM;

	while (err == 0 && got > 0) {
		got = node_read(n, off, buf, STEP);
		err = got < 0 ? (int)got : write_all(fd, buf, (size_t)got);
		off += (uint64_t)got;
	}
	mem_free(buf);
	return err;
}

static enum exit_code complain_find(int err, const char *path,
				    const char *vault)
{
	switch (err) {
	case -ENOENT:
		return msg_fail(EXIT_FAILED, "%s: not in %s", path, vault);
	case -ENOTDIR:
		return msg_fail(EXIT_FAILED,
				"%s: leads through something in %s that is no "
				"folder",
				path, vault);
	default:
		return msg_fail(EXIT_FAILED, "%s: cannot be found in %s: %s",
				path, vault, msg_error(err));
	}
}

/* Print what is at path in the vault. */
static enum exit_code print(const struct tree *t, const char *path,
			    const char *vault)
{
	struct node *n;
	int err = treepath_find(&n, t, path);

	if (err != 0)
		return complain_find(err, path, vault);
	if (S_ISDIR(n->attr.mode))
		return msg_fail(EXIT_FAILED, "%s: is a folder in %s", path,
				vault);
	if (!S_ISREG(n->attr.mode))
		return msg_fail(
			EXIT_FAILED, "%s: is a %s in %s, which holds nothing",
			path, S_ISFIFO(n->attr.mode) ? "FIFO" : "special file",
			vault);
	err = write_node(STDOUT_FILENO, n);
	if (err != 0)
		return msg_fail(EXIT_FAILED,
				"%s: cannot be written to standard output: %s",
				path, strerror(-err));
	return EXIT_DONE;
}

/*
 * The file that is generation number, as the user gave it, of the vault; with
 * NULL the vault itself.
 */
static enum exit_code find_file(char file[static PATH_MAX], const char *vault,
				const char *number)
{
	/* Older vaults are beside what a symbolic link leads to. */
	char *real = number != NULL ? realpath(vault, NULL) : NULL;
	const char *base = real != NULL ? real : vault;
	enum exit_code code = EXIT_DONE;
	int len;

	if (number != NULL && (strspn(number, "0123456789") != strlen(number) ||
			       number[0] == '0' || number[0] == '\0'))
		code = msg_fail(EXIT_USAGE,
				"cat: '%s' is no generation; see 'tazpod "
				"history'",
				number);
	len = number != NULL ? snprintf(file, PATH_MAX, "%s.~%s~", base, number)
			     : snprintf(file, PATH_MAX, "%s", base);
	if (code == EXIT_DONE && len >= PATH_MAX)
		code = msg_fail(EXIT_FAILED, "%s: %s", vault,
				strerror(ENAMETOOLONG));
	if (code == EXIT_DONE && number != NULL && access(file, F_OK) != 0)
		code = msg_fail(EXIT_FAILED,
				"%s: no older vault %s (%s); see 'tazpod "
				"history'",
				vault, number, strerror(errno));
	free(real);
	return code;
}

static enum exit_code parse_options(struct options *o,
				    const struct command_line *c)
{
	char *list = command_options(c);
	enum exit_code code = list != NULL
				      ? options_parse(o, list)
				      : msg_fail(EXIT_FAILED, "out of memory");

	free(list);
	/* It is only read, whatever options for a mount may say. */
	if (code == EXIT_DONE)
		code = options_parse(o, "ro");
	return code;
}

enum exit_code cmd_cat(const struct command_line *c)
{
	char buf[PATH_MAX], file[PATH_MAX];
	struct opened v = {0};
	struct tree *t = NULL;
	struct options o;
	const char *vault;
	enum exit_code code =
		target_vault(&vault, c->argc > 1 ? c->argv[1] : c->vault, buf);

	if (c->argc == 0 || c->argv[0][0] == '\0')
		return msg_fail(EXIT_USAGE,
				"cat: name the path of a file in the vault");
	/* Else something that is opened here would become it. */
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
		return msg_fail(EXIT_FAILED, "standard output: %s",
				strerror(errno));
	options_init(&o);
	if (code == EXIT_DONE)
		code = find_file(file, vault, c->generation);
	if (code == EXIT_DONE)
		code = parse_options(&o, c);
	if (code == EXIT_DONE && crypto_start() != 0)
		code = msg_fail_memory(vault);
	/* A reader that goes away is an error as any other. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (code == EXIT_DONE)
		code = openvault_open(&v, &o, file);
	if (code == EXIT_DONE)
		code = openvault_tree(&t, &v, &o);
	if (code == EXIT_DONE)
		code = print(t, c->argv[0], file);
	mem_wipe_all();
	_exit(code);
}
