/* SPDX-License-Identifier: MIT */
/* The keeper's own side. */
#include "keeper_impl.h"

#include "detach.h"
#include "everywhere.h"
#include "logind.h"
#include "tools/daemon/usermount.h"
#include "tools/machine/caps.h"
#include "tools/mounts/mounts.h"
#include "tools/mounts/stale.h"
#include "tools/run.h"
#include "utab.h"
#include "writers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SOCKET = 3, /* behind the standard three: all that it has open */
	/* How long a daemon may take to die, in steps of 10 ms. */
	DYING_STEPS = 1000,
};

/* What the daemon has. */
struct kept {
	bool is_mounted; /* may be: nobody has said that it has gone */
	int mount_id;	 /* -1: not known */
	dev_t dev;	 /* 0: not known, or all of it has been seen to */
	char vault[PATH_MAX], dir[PATH_MAX];
	pid_t notifier;	       /* the command that was told last, or 0 */
	struct logind *logind; /* or NULL */
};

/*
 * Who may unmount does so, root or the owner of a user namespace; others need
 * fusermount3, which is setuid.
 */
static void drop_rights(void)
{
	/* To unmount, and to find what users have closed to others; to see
	 * which namespaces processes have, and to enter them. */
	static const unsigned needed[] = {CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH,
					  CAP_SYS_PTRACE, CAP_SYS_CHROOT};

	if (usermount_is_needed())
		return;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)caps_keep(needed, sizeof(needed) / sizeof(needed[0]));
}

/* Leave everything behind that belongs to who started the daemon. */
static void settle(int fd)
{
	sigset_t all;
	int null;

	(void)prctl(PR_SET_NAME, "tazpodfs-keeper");
	/* Whoever ends the daemon kindly is not to be taken for its death. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)!chdir("/");
	null = open("/dev/null", O_RDWR);
	for (int i = 0; null >= 0 && i < SOCKET; i++)
		(void)dup2(null, i);
	if (fd != SOCKET)
		(void)dup3(fd, SOCKET, O_CLOEXEC);
	closefrom(SOCKET + 1);
	drop_rights();
}

/* The next message; *fd is what came with it, or -1.  False: the end. */
static bool hear(struct keeper_message *m, int *fd)
{
	union {
		struct cmsghdr header;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {m, sizeof(*m)};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};
	const struct cmsghdr *c;
	ssize_t n = recvmsg(SOCKET, &h, MSG_CMSG_CLOEXEC);

	*fd = -1;
	c = n >= 0 ? CMSG_FIRSTHDR(&h) : NULL;
	if (c != NULL && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n == (ssize_t)sizeof(*m);
}

static void answer(enum keeper_word word, int err)
{
	const struct keeper_answer a = {.word = word, .err = err};

	(void)send(SOCKET, &a, sizeof(a), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void tell(void *ctx, enum logind_event event)
{
	const struct keeper_answer a = {
		.word = KEEPER_LISTEN,
		.event = event == LOGIND_WILL_SLEEP ? KEEPER_SAYS_SLEEP
						    : KEEPER_SAYS_SESSION,
	};

	(void)ctx;
	(void)send(SOCKET, &a, sizeof(a), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool is_wanted(enum lock_event event)
{
	return event == LOCK_THEN ||
	       (event == LOCK_AS_STARTED && logind_belongs());
}

/* Where there is no logind, nothing comes of it. */
static void listen_for(struct kept *k, const struct keeper_message *m)
{
	unsigned wanted = 0;

	if (is_wanted(m->suspend))
		wanted |= LOGIND_SUSPEND;
	if (is_wanted(m->session))
		wanted |= LOGIND_SESSION;
	if (wanted != 0 && k->logind == NULL)
		(void)logind_new(&k->logind, wanted, tell, NULL);
}

/* Listen to logind until the daemon has something to say. */
static void await(struct logind *l)
{
	struct pollfd p[] = {{.fd = SOCKET, .events = POLLIN}, {.fd = -1}};

	while (p[0].revents == 0) {
		if (l != NULL) {
			logind_process(l);
			p[1].fd = logind_fd(l);
			p[1].events = (short)logind_events(l);
		}
		(void)poll(p, 2, l != NULL ? logind_timeout_ms(l) : -1);
	}
}

/*
 * Lazily: open files must not stop it, and those who have them get errors
 * already.
 */
static int detach(const char *dir, int root)
{
	char path[32];

	if (usermount_is_needed())
		return detach_as_user(dir);
	if (root < 0)
		return umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 ? 0
								       : -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", root);
	/* If it is not there, somebody else was quicker. */
	return umount2(path, MNT_DETACH) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Has a vault been mounted at dir meanwhile?  Then the entry is its. */
static bool is_taken(const char *dir)
{
	struct mounted *list = NULL;
	bool taken = mounts_read(&list) == 0 && mounts_at(list, dir) != NULL;

	mounts_free(list);
	return taken;
}

/* It is not mounted any more. */
static void forget(struct kept *k)
{
	if (k->is_mounted && geteuid() == 0 && !is_taken(k->dir))
		utab_remove(k->dir);
	k->is_mounted = false;
}

/* Let a command of the user's know. */
static void notify(struct kept *k, const char *command, const char *text)
{
	const char *argv[] = {"sh", "-c", command, "tazpod", text, NULL};

	if (k->notifier > 0 && waitpid(k->notifier, NULL, WNOHANG) == 0)
		return;
	(void)setenv("TAZPOD_VAULT", k->vault, 1);
	(void)setenv("TAZPOD_MOUNT", k->dir, 1);
	if (run_start(&k->notifier, argv[0], argv) != 0)
		k->notifier = 0;
}

/* And nowhere else.  dir is where it was. */
static void forget_copies(struct kept *k, const char *dir)
{
	const struct remains r = {k->vault, dir, k->dev};

	if (k->dev != 0)
		everywhere_unmount(&r);
	k->dev = 0;
}

/* Let umount(8) know of it. */
static int add_to_table(const struct kept *k)
{
	struct mounted *list = NULL;
	const struct mounted *m;
	int err = mounts_read(&list);

	for (m = list; m != NULL && m->id != k->mount_id; m = m->next)
		;
	if (err == 0)
		err = m != NULL ? utab_add(m->type, m->source, m->dir)
				: -ENOENT;
	mounts_free(list);
	return err;
}

static void obey(struct kept *k, const struct keeper_message *m, int fd)
{
	int err = 0;

	switch (m->word) {
	case KEEPER_WATCH:
		k->is_mounted = true;
		memcpy(k->vault, m->vault, sizeof(k->vault));
		memcpy(k->dir, m->dir, sizeof(k->dir));
		break;
	case KEEPER_MOUNTED:
		k->mount_id = m->mount_id;
		k->dev = m->dev;
		if (geteuid() == 0)
			err = add_to_table(k);
		answer(m->word, err);
		break;
	case KEEPER_GONE:
		forget(k);
		break;
	case KEEPER_UNMOUNT:
		err = detach(m->dir, fd);
		if (err == 0)
			forget(k);
		/* The descriptor keeps its number from being another's. */
		if (fd >= 0)
			forget_copies(k, m->dir);
		answer(m->word, err);
		break;
	case KEEPER_RESTRICT:
		answer(m->word, writers_restrict(fd, m->who));
		break;
	case KEEPER_NOTIFY:
		notify(k, m->command, m->text);
		break;
	case KEEPER_LISTEN:
		listen_for(k, m);
		break;
	case KEEPER_STAYS:
		if (k->logind != NULL)
			logind_release_sleep(k->logind);
		break;
	}
	if (fd >= 0)
		(void)close(fd);
}

/* What the daemon has mounted, in list, or NULL. */
static const struct mounted *find(const struct mounted *list,
				  const struct kept *k)
{
	while (list != NULL &&
	       (k->mount_id >= 0 ? list->id != k->mount_id
				 : strcmp(list->dir, k->dir) != 0 ||
					   strcmp(list->vault, k->vault) != 0))
		list = list->next;
	return list;
}

/* Unmount it if it is dead.  False: there is nothing more to be done. */
static bool clear_away(struct kept *k)
{
	struct mounted *list = NULL;
	const struct mounted *m;
	bool more = true;

	if (mounts_read(&list) != 0)
		return true;
	m = find(list, k);
	if (m != NULL)
		more = stale_heal(m->dir) >= 0;
	else
		forget(k);
	mounts_free(list);
	return more && k->is_mounted;
}

_Noreturn void keeper_run(int fd)
{
	static struct keeper_message m;
	static struct kept k = {.mount_id = -1};
	const struct timespec step = {.tv_nsec = 10000000};
	int with, steps = 0;
	bool more;

	settle(fd);
	do {
		await(k.logind);
		more = hear(&m, &with);
		if (more)
			obey(&k, &m, with);
	} while (more);
	/* The socket closes a moment before the mount dies. */
	while (k.is_mounted && clear_away(&k) && steps++ < DYING_STEPS)
		(void)nanosleep(&step, NULL);
	forget_copies(&k, k.dir);
	_exit(0);
}
