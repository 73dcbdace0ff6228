/* SPDX-License-Identifier: MIT */
/* The first command of a container: as run, but for another user. */
#include "commands.h"

#include "child.h"
#include "init.h"
#include "leased.h"
#include "target.h"
#include "tools/machine/caps.h"
#include "tools/mounts/mounts.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GRACE_MS = 8000 }; /* who stops a container waits for ten seconds */

/* Who the command is to be. */
struct user {
	uid_t uid;
	gid_t gid;
	char name[256]; /* "": the system knows none of that id */
	char home[PATH_MAX], shell[PATH_MAX];
	bool is_other; /* than who this is */
};

/* A whole number below the one that means none. */
static bool parse_id(unsigned *ret, const char *text)
{
	unsigned long long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	*ret = (unsigned)n;
	return errno == 0 && *end == '\0' && n < UINT_MAX;
}

static bool find_group(gid_t *ret, const char *text)
{
	const struct group *g = getgrnam(text);

	if (g != NULL)
		*ret = g->gr_gid;
	return g != NULL || parse_id(ret, text);
}

/* What the system knows of that user, who is p unless that is NULL. */
static void fill(struct user *u, const struct passwd *p)
{
	const char *shell = p != NULL ? p->pw_shell : "";

	(void)snprintf(u->name, sizeof(u->name), "%s",
		       p != NULL ? p->pw_name : "");
	(void)snprintf(u->home, sizeof(u->home), "%s",
		       p != NULL ? p->pw_dir : "/");
	(void)snprintf(u->shell, sizeof(u->shell), "%s",
		       shell[0] == '/' ? shell : "/bin/sh");
}

/* Find who NAME or UID, with a group or without, is. */
static enum exit_code find_user(struct user *ret, const char *text)
{
	char name[256];
	const char *colon = strchr(text, ':');
	const size_t len = strcspn(text, ":");
	const struct passwd *p;

	(void)snprintf(name, sizeof(name), "%.*s", (int)len, text);
	p = len < sizeof(name) ? getpwnam(name) : NULL;
	if (p == NULL && parse_id(&ret->uid, name))
		p = getpwuid(ret->uid);
	else if (p == NULL)
		return msg_fail(EXIT_USAGE, "--user %s: there is no such user",
				text);
	if (p != NULL) {
		ret->uid = p->pw_uid;
		ret->gid = p->pw_gid;
	}
	if (p == NULL && colon == NULL)
		return msg_fail(EXIT_USAGE,
				"--user %s: that user has no name here; give "
				"the group as well, as in %s:%s",
				text, text, text);
	if (colon != NULL && !find_group(&ret->gid, colon + 1))
		return msg_fail(EXIT_USAGE, "--user %s: there is no such group",
				text);
	ret->is_other = ret->uid != geteuid() || ret->gid != getegid();
	fill(ret, p);
	return EXIT_DONE;
}

/* In the child.  What root may do goes with this. */
static int become(void *ctx)
{
	const struct user *u = ctx;
	int err = 0;

	if (!u->is_other)
		return 0;
	if (u->name[0] != '\0' ? initgroups(u->name, u->gid) != 0
			       : setgroups(1, &u->gid) != 0)
		err = -errno;
	if (err == 0 && setresgid(u->gid, u->gid, u->gid) != 0)
		err = -errno;
	if (err == 0 && setresuid(u->uid, u->uid, u->uid) != 0)
		err = -errno;
	if (err != 0)
		return err;
	return u->uid != 0 ? caps_keep(NULL, 0) : 0;
}

/* Let the environment say who it is. */
static int set_environment(const struct user *u)
{
	if (setenv("HOME", u->home, 1) != 0 ||
	    setenv("SHELL", u->shell, 1) != 0)
		return -ENOMEM;
	if (u->name[0] == '\0') {
		(void)unsetenv("USER");
		(void)unsetenv("LOGNAME");
		return 0;
	}
	return setenv("USER", u->name, 1) == 0 &&
			       setenv("LOGNAME", u->name, 1) == 0
		       ? 0
		       : -ENOMEM;
}

/* The only one in list that is mounted as a whole, or NULL. */
static const struct mounted *find_only(const struct mounted *list)
{
	const struct mounted *found = NULL;

	for (; list != NULL; list = list->next) {
		if (list->is_part)
			continue;
		if (found != NULL)
			return NULL;
		found = list;
	}
	return found;
}

/*
 * Without a name, a vault that is mounted already is meant: the one at --mount,
 * or the only one.  The caller frees *list.
 */
static const char *find_mounted(struct mounted **list,
				const struct command_line *c)
{
	char *dir = c->mount != NULL ? target_resolve(c->mount) : NULL;
	const struct mounted *m = NULL;

	if (mounts_read(list) == 0 && dir != NULL)
		m = mounts_at(*list, dir);
	else if (c->mount == NULL)
		m = find_only(*list);
	free(dir);
	return m != NULL ? m->vault : NULL;
}

static enum exit_code run_as(const struct command_line *c, struct user *u)
{
	char options[96];
	const char *shell[] = {u->shell, NULL};
	const struct leased how = {
		.argv = c->argc > 0 ? (const char *const *)c->argv : shell,
		.options = u->is_other && u->uid != 0 ? options : NULL,
		.locks = true,
		.grace_ms = GRACE_MS,
		.user = {become, u},
	};

	/* It is mounted for root, who has the files look like the user's. */
	(void)snprintf(options, sizeof(options), "allow_other,uid=%u,gid=%u",
		       u->uid, u->gid);
	return leased_run(c, &how);
}

/* Nothing is unlocked: that is for who comes later. */
static enum exit_code wait_only(const struct command_line *c)
{
	sigset_t before;

	if (!init_is_us())
		return msg_fail(EXIT_USAGE,
				"entrypoint --wait: for process 1 of a "
				"container only");
	if (c->argc > 0 || c->user != NULL || c->vault != NULL)
		return msg_fail(EXIT_USAGE,
				"entrypoint --wait: takes no command, user or "
				"vault");
	child_hold_signals(&before);
	init_wait();
	return EXIT_DONE;
}

enum exit_code cmd_entrypoint(const struct command_line *c)
{
	struct command_line line = *c;
	struct mounted *list = NULL;
	struct user u = {0};
	char who[64];
	enum exit_code code;

	if (c->wait)
		return wait_only(c);
	(void)snprintf(who, sizeof(who), "%u:%u", geteuid(), getegid());
	code = find_user(&u, c->user != NULL ? c->user : who);
	if (code == EXIT_DONE && u.is_other && geteuid() != 0)
		code = msg_fail(EXIT_FAILED,
				"--user %s: only root can become "
				"another user",
				c->user);
	if (code == EXIT_DONE && c->user != NULL && set_environment(&u) != 0)
		code = msg_fail(EXIT_FAILED, "out of memory");
	if (line.vault == NULL)
		line.vault = find_mounted(&list, c);
	if (code == EXIT_DONE)
		code = run_as(&line, &u);
	mounts_free(list);
	return code;
}
