/* SPDX-License-Identifier: MIT */
/* The client's side of a control socket. */
#include "control_impl.h"

#include "fs/clock.h"
#include "tools/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	STATUS_SECONDS = 5,
	/* That a daemon may take to end after its last answer. */
	EXIT_SECONDS = 10,
};

/* What stands behind "key=" in a line of body, or NULL. */
static const char *find_key(const char *body, const char *key)
{
	size_t len = strlen(key);

	while (body != NULL && *body != '\0') {
		if (strncmp(body, key, len) == 0 && body[len] == '=')
			return body + len + 1;
		body = strchr(body, '\n');
		body = body != NULL ? body + 1 : NULL;
	}
	return NULL;
}

uint64_t control_number(const char *body, const char *key)
{
	const char *value = find_key(body, key);

	return value != NULL ? strtoull(value, NULL, 10) : 0;
}

void control_text(char *ret, size_t len, const char *body, const char *key)
{
	const char *value = find_key(body, key);

	(void)snprintf(ret, len, "%.*s",
		       value != NULL ? (int)strcspn(value, "\n") : 0,
		       value != NULL ? value : "");
}

/*
 * Connect to the socket with that name.  A descriptor, -ECONNREFUSED if nobody
 * listens, or -ETIMEDOUT.
 */
static int connect_to(uid_t owner, const char *name)
{
	const struct timeval patience = {.tv_sec = STATUS_SECONDS};
	struct sockaddr_un a;
	int err = -ECONNREFUSED;

	for (unsigned n = 0; n < RUNDIR_COUNT; n++) {
		int fd;

		if (!control_address(&a, n, owner, name, false))
			continue;
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
				 sizeof(patience));
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
			return fd;
		err = errno == EAGAIN ? -ETIMEDOUT : err;
		(void)close(fd);
	}
	return err;
}

bool control_listens(uid_t owner, dev_t dev)
{
	char name[CONTROL_NAME_MAX];
	int fd;

	control_name(name, dev);
	fd = connect_to(owner, name);
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0 || fd == -ETIMEDOUT;
}

void control_forget(uid_t owner, dev_t dev)
{
	char name[CONTROL_NAME_MAX];
	struct sockaddr_un a;

	if (control_listens(owner, dev))
		return;
	control_name(name, dev);
	for (unsigned n = 0; n < RUNDIR_COUNT; n++)
		if (control_address(&a, n, owner, name, false))
			(void)unlink(a.sun_path);
}

/* The process that listens behind fd, or 0. */
static pid_t peer_of(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return 0;
	return peer.pid;
}

/* Wait for fd until that time, or with -1 for ever.  0 or -errno. */
static int await_input(int fd, int64_t until)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left = -1;
	int n;

	do {
		if (until >= 0)
			left = until > clock_ms(CLOCK_MONOTONIC)
				       ? until - clock_ms(CLOCK_MONOTONIC)
				       : 0;
		n = poll(&p, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

/* Send word with the descriptors that are not negative.  0 or -EIO. */
static int send_word(int fd, const char *word, const int with[CONTROL_FDS_MAX])
{
	union {
		struct cmsghdr header;
		uint8_t room[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control = {0};
	char request[CONTROL_WORD_MAX];
	const int len = snprintf(request, sizeof(request), "%s\n", word);
	struct iovec iov = {request, (size_t)len};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	size_t count = 0;

	while (with != NULL && count < CONTROL_FDS_MAX && with[count] >= 0)
		count++;
	if (count > 0) {
		h.msg_control = control.room;
		h.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), with, count * sizeof(int));
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL) == len ? 0 : -EIO;
}

/* Begin a call on the connection fd, which may be a -errno instead. */
static int call_on(struct control_call *ret, int fd, const char *word,
		   const int with[CONTROL_FDS_MAX])
{
	struct control_call c = {.fd = fd, .peer = -1};
	int err;

	if (fd < 0)
		return fd;
	c.pid = peer_of(fd);
	/* After a lock, its end is waited for. */
	if (strcmp(word, "lock") == 0)
		c.peer = (int)syscall(SYS_pidfd_open, c.pid, 0);
	err = send_word(fd, word, with);
	if (err != 0)
		control_hang_up(&c);
	else
		*ret = c;
	return err;
}

int control_call(struct control_call *ret, uid_t owner, dev_t dev,
		 const char *word)
{
	char name[CONTROL_NAME_MAX];

	control_name(name, dev);
	return call_on(ret, connect_to(owner, name), word, NULL);
}

int control_call_daemon(struct control_call *ret, uid_t owner, dev_t dev,
			pid_t pid, const char *word)
{
	char name[CONTROL_NAME_MAX];
	int fd;

	control_name(name, dev);
	fd = connect_to(owner, name);
	if (fd >= 0 && peer_of(fd) != pid) {
		(void)close(fd);
		fd = -ECONNREFUSED;
	}
	return call_on(ret, fd, word, NULL);
}

/*
 * Read what has come.  1 at its end, 0 if there is more to come, or -errno. The
 * other side may be anybody's: root asks the daemons of users, too.
 */
static int read_some(struct control_call *c)
{
	ssize_t n;

	if (c->text == NULL)
		c->text = malloc(CONTROL_ANSWER_MAX + 1);
	if (c->text == NULL)
		return -ENOMEM;
	n = read(c->fd, c->text + c->len, CONTROL_ANSWER_MAX - c->len);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	c->len += (size_t)n;
	if (c->len == CONTROL_ANSWER_MAX)
		return -EMSGSIZE;
	c->text[c->len] = '\0';
	return n == 0;
}

int control_wait(struct control_answer *ret, struct control_call *c,
		 unsigned seconds)
{
	const int64_t until = seconds > 0 ? clock_ms(CLOCK_MONOTONIC) +
						    INT64_C(1000) * seconds
					  : -1;
	int got = 0, err = 0;
	char *text;

	while (err == 0 && got == 0) {
		err = await_input(c->fd, until);
		if (err == 0)
			got = read_some(c);
	}
	if (err != 0 || got < 0)
		return err != 0 ? err : got;
	/* A socket's end comes a moment before its process's. */
	if (c->peer >= 0 && strncmp(c->text, "0\n", 2) == 0)
		(void)await_input(c->peer,
				  clock_ms(CLOCK_MONOTONIC) +
					  INT64_C(1000) * EXIT_SECONDS);
	text = c->text;
	c->text = NULL;
	err = control_parse(ret, text);
	if (err == 0)
		ret->pid = c->pid;
	return err;
}

void control_hang_up(struct control_call *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	if (c->peer >= 0)
		(void)close(c->peer);
	free(c->text);
	*c = (struct control_call){.fd = -1, .peer = -1};
}

int control_parse(struct control_answer *ret, char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\n' || errno != 0 ||
	    n > INT_MAX) {
		free(text);
		return -ECONNRESET;
	}
	memmove(text, end + 1, strlen(end + 1) + 1);
	*ret = (struct control_answer){.err = -(int)n, .body = text};
	return 0;
}

/* The whole of a call that err says has begun. */
static int finish(struct control_answer *ret, struct control_call *c, int err,
		  unsigned seconds)
{
	if (err != 0)
		return err;
	err = control_wait(ret, c, seconds);
	control_hang_up(c);
	return err;
}

int control_ask_for(struct control_answer *ret, uid_t owner, dev_t dev,
		    const char *word, unsigned seconds)
{
	struct control_call c = {0};

	return finish(ret, &c, control_call(&c, owner, dev, word), seconds);
}

int control_ask(struct control_answer *ret, uid_t owner, dev_t dev,
		const char *word)
{
	/* The others wait for a disk. */
	return control_ask_for(ret, owner, dev, word,
			       strcmp(word, "status") == 0 ? STATUS_SECONDS
							   : 0);
}

int control_ask_gone(struct control_answer *ret, uid_t owner, pid_t pid,
		     const char *word)
{
	char name[CONTROL_NAME_MAX];
	struct control_call c = {0};

	control_name_gone(name, pid);
	return finish(ret, &c, call_on(&c, connect_to(owner, name), word, NULL),
		      STATUS_SECONDS);
}

int control_lease(uid_t owner, dev_t dev, int process, int terminal)
{
	const int with[CONTROL_FDS_MAX] = {process, terminal};
	struct control_answer answer = {0};
	char name[CONTROL_NAME_MAX];
	struct control_call c = {0};
	int err;

	control_name(name, dev);
	err = call_on(&c, connect_to(owner, name), "lease", with);
	err = finish(&answer, &c, err, STATUS_SECONDS);
	free(answer.body);
	return err != 0 ? err : answer.err;
}

/* The pid in the name of a socket whose mount has gone, or 0. */
static pid_t gone_pid(const char *name)
{
	const size_t len = strlen(CONTROL_GONE);
	long pid;
	char *end;

	if (strncmp(name, CONTROL_GONE, len) != 0)
		return 0;
	pid = strtol(name + len, &end, 10);
	return strcmp(end, ".sock") == 0 && pid > 0 && pid <= INT_MAX
		       ? (pid_t)pid
		       : 0;
}

/* Two places may be the same. */
static bool is_in(pid_t pid, const pid_t list[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == pid)
			return true;
	return false;
}

/* Add those in dir to the count that list has. */
static size_t list_gone_in(pid_t list[], size_t max, size_t count,
			   const char *dir)
{
	const struct dirent *e;
	DIR *d = opendir(dir);

	if (d == NULL)
		return count;
	while (count < max && (e = readdir(d)) != NULL) {
		list[count] = gone_pid(e->d_name);
		count += list[count] > 0 && !is_in(list[count], list, count);
	}
	(void)closedir(d);
	return count;
}

size_t control_list_gone(pid_t list[], size_t max, uid_t owner)
{
	char dir[PATH_MAX];
	size_t count = 0;

	for (unsigned n = 0; n < RUNDIR_COUNT; n++)
		if (rundir_get(dir, n, owner, false))
			count = list_gone_in(list, max, count, dir);
	return count;
}
