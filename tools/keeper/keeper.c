/* SPDX-License-Identifier: MIT */
/* The daemon's side of the keeper. */
#include "keeper.h"

#include "keeper_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct keeper {
	int fd;
	pid_t pid;
};

int keeper_start(struct keeper **ret)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int ends[2], err;

	if (k == NULL)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		err = -errno;
		free(k);
		return err;
	}
	k->fd = ends[0];
	k->pid = fork();
	if (k->pid == 0)
		keeper_run(ends[1]);
	err = -errno;
	(void)close(ends[1]);
	if (k->pid > 0) {
		*ret = k;
		return 0;
	}
	(void)close(k->fd);
	free(k);
	return err;
}

/* Say it, with a descriptor if that is not negative.  0 or -EPIPE. */
static int say(const struct keeper *k, const struct keeper_message *m, int fd)
{
	union {
		struct cmsghdr header;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)m, sizeof(*m)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		h.msg_control = control.room;
		h.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	return sendmsg(k->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT) ==
			       (ssize_t)sizeof(*m)
		       ? 0
		       : -EPIPE;
}

/* Wait until there is something to receive.  False: too long. */
static bool await(const struct keeper *k, const struct timespec *until)
{
	struct pollfd p = {.fd = k->fd, .events = POLLIN};
	struct timespec now;
	int64_t left;
	int n;

	do {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		left = (int64_t)(until->tv_sec - now.tv_sec) * 1000 +
		       (until->tv_nsec - now.tv_nsec) / 1000000;
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static struct timespec deadline(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += KEEPER_SECONDS;
	return t;
}

/* Say it and wait for the answer; those that came too late are passed over. */
static int ask(const struct keeper *k, const struct keeper_message *m, int fd)
{
	const struct timespec until = deadline();
	struct keeper_answer a;
	int err = say(k, m, fd);

	while (err == 0) {
		if (!await(k, &until))
			return -ETIMEDOUT;
		if (recv(k->fd, &a, sizeof(a), MSG_DONTWAIT) !=
		    (ssize_t)sizeof(a))
			return -EPIPE;
		if (a.word == m->word)
			return a.err;
	}
	return err;
}

static int set(char to[static PATH_MAX], const char *path)
{
	return snprintf(to, PATH_MAX, "%s", path) < PATH_MAX ? 0
							     : -ENAMETOOLONG;
}

int keeper_watch(struct keeper *k, const char *vault, const char *dir)
{
	struct keeper_message m = {.word = KEEPER_WATCH};
	int err = set(m.vault, vault);

	if (err == 0)
		err = set(m.dir, dir);
	return err == 0 ? say(k, &m, -1) : err;
}

int keeper_mounted(struct keeper *k, int mount_id, dev_t dev)
{
	const struct keeper_message m = {
		.word = KEEPER_MOUNTED, .mount_id = mount_id, .dev = dev};

	return ask(k, &m, -1);
}

int keeper_restrict(struct keeper *k, int root, enum ramfiles_writers who)
{
	const struct keeper_message m = {.word = KEEPER_RESTRICT, .who = who};

	return ask(k, &m, root);
}

void keeper_gone(struct keeper *k)
{
	const struct keeper_message m = {.word = KEEPER_GONE};

	(void)say(k, &m, -1);
}

void keeper_listen(struct keeper *k, enum lock_event suspend,
		   enum lock_event session)
{
	const struct keeper_message m = {
		.word = KEEPER_LISTEN, .suspend = suspend, .session = session};

	(void)say(k, &m, -1);
}

int keeper_fd(const struct keeper *k)
{
	return k->fd;
}

enum keeper_event keeper_hear(struct keeper *k)
{
	struct keeper_answer a;
	ssize_t n = recv(k->fd, &a, sizeof(a), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(a))
		return a.word == KEEPER_LISTEN ? a.event : KEEPER_SAYS_NOTHING;
	return n < 0 && errno == EAGAIN ? KEEPER_SAYS_NOTHING : KEEPER_IS_DEAD;
}

void keeper_stays(struct keeper *k)
{
	const struct keeper_message m = {.word = KEEPER_STAYS};

	(void)say(k, &m, -1);
}

void keeper_notify(struct keeper *k, const char *command, const char *text)
{
	struct keeper_message m = {.word = KEEPER_NOTIFY};

	(void)snprintf(m.text, sizeof(m.text), "%s", text);
	if (set(m.command, command) == 0)
		(void)say(k, &m, -1);
}

int keeper_unmount(struct keeper *k, const char *dir, int root)
{
	struct keeper_message m = {.word = KEEPER_UNMOUNT};
	int err = set(m.dir, dir);

	return err == 0 ? ask(k, &m, root) : err;
}

void keeper_end(struct keeper *k)
{
	const struct timespec until = deadline();
	struct keeper_answer a;
	ssize_t n = 1;

	if (k == NULL)
		return;
	(void)shutdown(k->fd, SHUT_WR);
	/* Its end of the socket closes when it exits. */
	while (n > 0 && await(k, &until))
		n = recv(k->fd, &a, sizeof(a), MSG_DONTWAIT);
	(void)close(k->fd);
	if (n <= 0)
		(void)waitpid(k->pid, NULL, 0);
	free(k);
}
