/* SPDX-License-Identifier: MIT */
#include "askpass.h"

#include "crypto/passphrase.h"
#include "passcmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

/* The credential that systemd may have left, malloc'd; NULL if there is none.
 */
static char *credential_path(void)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (dir == NULL || dir[0] != '/' ||
	    asprintf(&path, "%s/tazpod.passphrase", dir) < 0)
		return NULL;
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static bool names_nothing(const struct pass_source *s)
{
	return s->file == NULL && s->command == NULL && s->fd < 0;
}

bool askpass_is_terminal(const struct pass_source *s)
{
	return names_nothing(s) && has_terminal();
}

/* Say why no passphrase came from where: a file, a command, a vault's prompt.
 */
static enum exit_code complain(int err, const char *where)
{
	switch (err) {
	case 0:
		return EXIT_DONE;
	case -ENODATA:
		return msg_fail(EXIT_FAILED, "%s: the passphrase is empty",
				where);
	case -EMSGSIZE:
		return msg_fail(EXIT_FAILED,
				"%s: the passphrase is longer than %d bytes",
				where, PASSPHRASE_MAX);
	case -ENOMEM:
		return msg_fail_memory(where);
	default:
		return msg_fail(EXIT_FAILED, "%s: cannot read a passphrase: %s",
				where, msg_error(err));
	}
}

static enum exit_code from_file(struct secret *ret, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err;

	if (fd < 0)
		return complain(-errno, path);
	/* Whoever can write it can lock its owner out, or try a guess. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		(void)close(fd);
		return msg_fail(EXIT_FAILED,
				"passphrase file %s: others can write to it; "
				"run 'chmod 600 %s'",
				path, path);
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH)) != 0)
		msg_say("passphrase file %s: warning: others can read it",
			path);
	err = passphrase_read(ret, fd);
	(void)close(fd);
	return complain(err, path);
}

/* Close fd; a standard descriptor leads nowhere then, and is not reused. */
static void let_go(int fd)
{
	int null = fd <= STDERR_FILENO ? open("/dev/null", O_RDWR | O_CLOEXEC)
				       : -1;

	if (null >= 0) {
		(void)dup2(null, fd);
		(void)close(null);
	} else {
		(void)close(fd);
	}
}

static enum exit_code from_fd(struct secret *ret, int fd)
{
	char name[24];
	int err = passphrase_read(ret, fd);

	(void)snprintf(name, sizeof(name), "passfd=%d", fd);
	let_go(fd);
	return complain(err, name);
}

static enum exit_code ask(struct secret *ret, const char *what,
			  const char *vault)
{
	char prompt[1024];
	int err;

	(void)snprintf(prompt, sizeof(prompt), "%s %s: ", what, vault);
	msg_clean(prompt);
	err = passphrase_ask(ret, prompt);
	if (err == -ENOTTY)
		return msg_fail(EXIT_FAILED,
				"%s: no terminal to ask for the passphrase; "
				"give passfile=, passfd= or passcmd=",
				vault);
	if (err == -EMSGSIZE)
		return msg_fail(EXIT_PASSPHRASE,
				"%s: a terminal takes at most %d bytes; for a "
				"longer passphrase give passfile=, passfd= or "
				"passcmd=",
				vault, PASSPHRASE_LINE_MAX);
	/* Nothing typed is a wrong passphrase: it may be tried again. */
	if (err == -ENODATA)
		return msg_fail(EXIT_PASSPHRASE, "%s: the passphrase is empty",
				vault);
	return complain(err, vault);
}

/* From what s names, or a credential if there is no terminal.  *found: it was.
 */
static enum exit_code from_source(struct secret *ret,
				  const struct pass_source *s, bool *found)
{
	enum exit_code code;
	char *path = NULL;

	*found = true;
	if (s->file != NULL)
		return from_file(ret, s->file);
	if (s->fd >= 0)
		return from_fd(ret, s->fd);
	if (s->command != NULL)
		return passcmd_get(ret, s->command);
	if (!has_terminal())
		path = credential_path();
	*found = path != NULL;
	code = path != NULL ? from_file(ret, path) : EXIT_DONE;
	free(path);
	return code;
}

enum exit_code askpass_get(struct secret *ret, const struct pass_source *s,
			   const char *vault)
{
	bool found;
	enum exit_code code = from_source(ret, s, &found);

	return found ? code : ask(ret, "Passphrase for", vault);
}

enum exit_code askpass_new(struct secret *ret, const struct pass_source *s,
			   const char *vault)
{
	struct secret first = {0}, second = {0};
	bool found, same;
	enum exit_code code = from_source(ret, s, &found);

	if (found)
		return code;
	code = ask(&first, "New passphrase for", vault);
	if (code == EXIT_DONE)
		code = ask(&second, "Once more, for", vault);
	if (code == EXIT_PASSPHRASE)
		code = EXIT_FAILED; /* there is none yet that it could miss */
	same = code == EXIT_DONE && secret_equal(&first, &second);
	if (same) {
		*ret = first;
		first = (struct secret){0};
	} else if (code == EXIT_DONE) {
		code = msg_fail(EXIT_FAILED,
				"%s: the two passphrases differ; nothing was "
				"made",
				vault);
	}
	secret_free(&first);
	secret_free(&second);
	return code;
}
