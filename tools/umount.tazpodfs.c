/* SPDX-License-Identifier: MIT */
/*
 * umount.tazpodfs(8): what umount(8) calls for a mount whose utab entry names
 * it.  It has the vault saved and unmounted, and waits for the daemon's end, so
 * that umount(8) returns when everything is on disk.
 *
 * The daemon unmounts by a lock, which overwrites the kernel's copies but does
 * not care who uses the mount.  So where that is in use, or has been mounted
 * at other places too, umount(8) says what is to be done.
 */
#include "helper_args.h"
#include "msg.h"
#include "run.h"
#include "tools/control/control.h"
#include "tools/mounts/mounts.h"
#include "tools/mounts/stale.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* That -f and -l wait for a save, and for the daemon to end. */
enum { ANYWAY_SECONDS = 10 };

/* umount(8) has the exit statuses of mount(8). */
enum {
	UMOUNT_DONE = 0,
	UMOUNT_USAGE = 1,
	UMOUNT_SYSTEM = 2,
	UMOUNT_FAILED = 32
};

static const char usage[] =
	"usage: umount.tazpodfs MOUNTPOINT [-flnrv] [-t TYPE]\n";

/* A descriptor that can be read when the daemon of m has ended, or -1. */
static int watch_daemon(const struct mounted *m)
{
	struct control_answer answer = {0};
	uint64_t pid = 0;

	if (control_ask(&answer, m->owner, m->dev, "status") == 0)
		pid = control_number(answer.body, "pid");
	free(answer.body);
	return pid > 0 && pid <= INT_MAX
		       ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0)
		       : -1;
}

/* Run umount(8) without helpers; it says itself what goes wrong. */
static int unmount(const struct umount_args *r)
{
	const char *argv[] = {"umount", "-i", NULL, NULL, NULL, NULL, NULL};
	int n = 2, status, err;

	if (r->force)
		argv[n++] = "-f";
	if (r->lazy)
		argv[n++] = "-l";
	argv[n++] = "--";
	argv[n] = r->dir;
	err = run_wait(&status, argv[0], argv);
	if (err != 0)
		msg_say("umount: %s", strerror(-err));
	if (err != 0 || !WIFEXITED(status))
		return UMOUNT_SYSTEM;
	return WEXITSTATUS(status);
}

/*
 * Have m saved.  False: it could not be, which has been said unless it is to be
 * unmounted anyway; then a daemon that hangs is not waited for.
 */
static bool save(const struct mounted *m, bool anyway)
{
	struct control_answer answer = {0};
	int err = control_ask_for(&answer, m->owner, m->dev, "save",
				  anyway ? ANYWAY_SECONDS : 0);

	if (err == 0)
		err = answer.err;
	free(answer.body);
	/* Without a daemon there is nothing to save any more. */
	if (err == 0 || err == -ENOTSUP ||
	    ((err == -ECONNREFUSED || err == -ECONNRESET) && stale_is_dead(m)))
		return true;
	if (!anyway)
		msg_say("%s: cannot be saved: %s; it stays mounted", m->vault,
			msg_error(err));
	return false;
}

/*
 * Is the mount at dir, which is m, in no use?  The first of two such calls
 * unmounts nothing, and tells (umount2(2)).
 */
static bool is_idle(const struct umount_args *r, const struct mounted *list,
		    const struct mounted *m)
{
	for (; list != NULL; list = list->next)
		if (list->dev == m->dev && list != m)
			return false;
	return umount2(r->dir, MNT_EXPIRE | UMOUNT_NOFOLLOW) != 0 &&
	       errno == EAGAIN;
}

/* Have the daemon of m end it.  False: it has not. */
static bool lock(const struct mounted *m, bool anyway)
{
	struct control_answer answer = {0};
	int err = control_ask_for(&answer, m->owner, m->dev, "lock",
				  anyway ? ANYWAY_SECONDS : 0);

	free(answer.body);
	return err == 0 && answer.err == 0;
}

static int end(const struct umount_args *r, const struct mounted *list)
{
	enum { SECONDS = 60 };
	const struct mounted *m = mounts_at(list, r->dir);
	const bool anyway = r->force || r->lazy;
	const bool saved = m == NULL || save(m, anyway);
	struct pollfd p = {.events = POLLIN};
	int status;

	if (!saved && !anyway)
		return UMOUNT_FAILED;
	if (m != NULL && saved && is_idle(r, list, m) && lock(m, anyway))
		return UMOUNT_DONE;
	p.fd = m != NULL ? watch_daemon(m) : -1;
	status = unmount(r);
	/* With -l, files may be open for as long as their programs like. */
	if (status != UMOUNT_DONE || p.fd < 0 || r->lazy)
		return status;
	if (poll(&p, 1, SECONDS * 1000) == 1)
		return UMOUNT_DONE;
	msg_say("%s: unmounted, but its last changes are not saved yet; see "
		"the system log",
		r->dir);
	return UMOUNT_SYSTEM;
}

int main(int argc, char *argv[])
{
	struct mounted *list = NULL;
	struct umount_args r = {0};
	int status;

	msg_program("umount.tazpodfs");
	if (!umount_args_parse(&r, argc, argv)) {
		(void)fputs(usage, stderr);
		return UMOUNT_USAGE;
	}
	if (mounts_read(&list) != 0) {
		msg_say("cannot read the mount table");
		return UMOUNT_SYSTEM;
	}
	status = end(&r, list);
	mounts_free(list);
	return status;
}
