/* SPDX-License-Identifier: MIT */
#include "unlock.h"

#include "target.h"
#include "tools/control/control.h"
#include "tools/mounts/stale.h"
#include "turn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	ENDING_STEPS = 40,   /* of 50 ms, for a mount that is going */
	STATUS_SIGNAL = 128, /* and its number, as sh(1) has it */
};

void unlock_begin(struct unlock *u)
{
	char *path = target_resolve(u->vault);

	/* tazpodfs says what is wrong with a vault in no folder. */
	u->turn = path != NULL ? turn_take(path, u->vault) : -1;
	free(path);
}

void unlock_end(struct unlock *u)
{
	if (u->turn >= 0)
		(void)close(u->turn);
	u->turn = -1;
}

/* Is m not where it is wanted? */
static bool is_elsewhere(const struct mounted *m, const char *dir)
{
	char *wanted = dir != NULL ? target_resolve(dir) : NULL;
	bool elsewhere =
		dir != NULL && (wanted == NULL || strcmp(wanted, m->dir) != 0);

	free(wanted);
	return elsewhere;
}

/*
 * Find the mount, and ask its daemon.  Where nobody answers, it may be going
 * just now, and is not what anybody wants then: it is looked for again.
 */
static int find_answering(struct unlocked *ret, const char *vault,
			  struct control_answer *answer)
{
	const struct timespec step = {.tv_nsec = 50000000};
	int err = 0;

	for (int i = 0; i < ENDING_STEPS; i++) {
		mounts_free(ret->list);
		ret->list = NULL;
		ret->mount = NULL;
		/* A dead one keeps nobody from mounting elsewhere. */
		if (mounts_read(&ret->list) == 0)
			ret->mount = stale_live_mount(ret->list, vault);
		if (ret->mount == NULL)
			return 0;
		err = control_ask(answer, ret->mount->owner, ret->mount->dev,
				  "status");
		if (err == 0 || err == -ETIMEDOUT)
			break;
		(void)nanosleep(&step, NULL);
	}
	return err;
}

/* Learn from its daemon what it is like. */
static enum exit_code find(struct unlocked *ret, const struct unlock *u,
			   const char *vault)
{
	struct control_answer answer = {0};
	int err = find_answering(ret, vault, &answer);
	const struct mounted *m = ret->mount;

	if (m == NULL)
		return EXIT_DONE;
	if (err == -ECONNREFUSED || err == -ETIMEDOUT)
		return msg_fail(EXIT_MOUNT,
				"%s: mounted at %s, but its daemon does not "
				"answer; run 'umount %s', then unlock again",
				u->vault, m->dir, m->dir);
	/* It may have no control socket. */
	if (err == 0) {
		/* 0 if it is in another pid namespace. */
		ret->daemon = answer.pid;
		ret->pidfd = (int)syscall(SYS_pidfd_open, ret->daemon, 0);
		ret->lease_only = control_number(answer.body, "lease_only") > 0;
	}
	free(answer.body);
	return EXIT_DONE;
}

enum exit_code unlock_find(struct unlocked *ret, const struct unlock *u)
{
	struct unlocked found = {.pidfd = -1};
	char *real = realpath(u->vault, NULL);
	enum exit_code code = EXIT_DONE;

	if (real != NULL)
		code = find(&found, u, real);
	if (code == EXIT_DONE && found.mount != NULL &&
	    is_elsewhere(found.mount, u->dir))
		code = msg_fail(EXIT_IN_USE,
				"%s: unlocked already at %s; 'tazpod lock' it "
				"first",
				u->vault, found.mount->dir);
	if (code == EXIT_DONE)
		*ret = found;
	else
		unlock_forget(&found);
	free(real);
	return code;
}

void unlock_forget(struct unlocked *found)
{
	mounts_free(found->list);
	if (found->pidfd >= 0)
		(void)close(found->pidfd);
	*found = (struct unlocked){.pidfd = -1};
}

/* The one beside this program, as it was built or installed. */
static void find_tazpodfs(char path[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 4);
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		(void)snprintf(slash + 1, sizeof("tazpodfs"), "tazpodfs");
	} else {
		(void)snprintf(path, PATH_MAX, "%s/tazpodfs", TZ_BINDIR);
	}
}

/* Where it goes if nobody says: into u->usual.  The folder is made. */
static enum exit_code choose_folder(struct unlock *u)
{
	if (u->wanted != NULL && u->wanted[0] != '\0')
		(void)snprintf(u->usual, sizeof(u->usual), "%s", u->wanted);
	else if (!target_default_dir(u->usual))
		return msg_fail(EXIT_USAGE, "no mount point named, and HOME is "
					    "not set");
	if (mkdir(u->usual, 0700) != 0 && errno != EEXIST)
		return msg_fail(EXIT_MOUNT,
				"%s: cannot make the mount point: %s; name "
				"another folder",
				u->usual, strerror(errno));
	return EXIT_DONE;
}

/* Die of the same signal, so that a script that is interrupted ends. */
static enum exit_code die_of(int number)
{
	(void)signal(number, SIG_DFL);
	(void)raise(number);
	/* For process 1 that does nothing. */
	return (enum exit_code)(STATUS_SIGNAL + number);
}

enum exit_code unlock_run(struct unlock *u, const struct child_program *how)
{
	char path[PATH_MAX];
	const char *argv[] = {"tazpodfs", "-o", u->options, "--",
			      u->vault,	  NULL, NULL};
	struct child_program p = *how;
	struct child c;
	enum exit_code code = EXIT_DONE;
	int err, status = 0;

	if (u->dir == NULL)
		code = choose_folder(u);
	if (code != EXIT_DONE)
		return code;
	argv[5] = u->dir != NULL ? u->dir : u->usual;
	find_tazpodfs(path);
	p.file = path;
	p.argv = argv;
	err = child_start(&c, &p);
	if (err == 0) {
		err = child_go(&c);
		status = child_wait(&c, NULL);
	}
	if (err != 0)
		return msg_fail(EXIT_FAILED, "%s: %s", path, strerror(-err));
	if (WIFSIGNALED(status))
		return die_of(WTERMSIG(status));
	return (enum exit_code)WEXITSTATUS(status);
}
