/* SPDX-License-Identifier: MIT */
#include "control.h"

#include "rundir.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	WORD_MAX = 32, /* bytes of a request, newline included */
	CLIENTS_MAX = 16,
	STATUS_SECONDS = 5,
};

struct control {
	struct loop *loop;
	struct control_ops ops;
	int fd;
	unsigned clients;
	char path[PATH_MAX];
	ino_t ino; /* of the socket at path */
};

struct control_request {
	struct control *control;
	int fd;	      /* -1: the client has gone */
	bool pending; /* an answer is owed */
	size_t len;
	char word[WORD_MAX + 1];
};

/* The address of the socket of dev in the nth place of uid's. */
static bool address(struct sockaddr_un *ret, unsigned n, uid_t uid, dev_t dev,
		    bool make)
{
	char dir[PATH_MAX];
	int len;

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!rundir_get(dir, n, uid, make))
		return false;
	len = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%u:%u.sock",
		       dir, major(dev), minor(dev));
	return len > 0 && (size_t)len < sizeof(ret->sun_path);
}

static void end_request(struct control_request *r)
{
	if (r->fd >= 0) {
		loop_remove(r->control->loop, r->fd);
		(void)close(r->fd);
	}
	r->control->clients--;
	free(r);
}

/* A client that does not read its few bytes has itself to blame. */
static void answer(const struct control_request *r, int err, const char *body,
		   size_t len)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "%d\n", -err);

	if (r->fd < 0)
		return;
	(void)send(r->fd, head, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (len > 0)
		(void)send(r->fd, body, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void control_reply(struct control_request *r, int err)
{
	answer(r, err, NULL, 0);
	end_request(r);
}

void control_reply_last(struct control_request *r)
{
	answer(r, 0, NULL, 0);
	if (r->fd >= 0)
		loop_remove(r->control->loop, r->fd);
	/* The descriptor is left for the kernel to close at exit: its end
	 * tells the client that we are gone. */
	free(r);
}

static void answer_status(struct control_request *r)
{
	char *body = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&body, &len);

	if (out != NULL) {
		r->control->ops.status(r->control->ops.ctx, out);
		(void)fclose(out);
	}
	answer(r, out != NULL ? 0 : -ENOMEM, body, len);
	free(body);
	end_request(r);
}

static void obey(struct control_request *r)
{
	struct control_ops *ops = &r->control->ops;

	if (strcmp(r->word, "status") == 0) {
		answer_status(r);
		return;
	}
	r->pending = true;
	if (strcmp(r->word, "save") == 0)
		ops->save(ops->ctx, r);
	else if (strcmp(r->word, "lock") == 0)
		ops->lock(ops->ctx, r);
	else
		control_reply(r, -ENOSYS);
}

static void on_data(void *ctx, int fd)
{
	struct control_request *r = ctx;
	ssize_t n = recv(fd, r->word + r->len, WORD_MAX - r->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 && r->pending) {
		/* It has gone; what it asked for goes on. */
		loop_remove(r->control->loop, fd);
		(void)close(fd);
		r->fd = -1;
		return;
	}
	if (n <= 0 || r->pending) {
		if (!r->pending)
			end_request(r);
		return;
	}
	r->len += (size_t)n;
	if (r->word[r->len - 1] == '\n') {
		r->word[r->len - 1] = '\0';
		obey(r);
	} else if (r->len == WORD_MAX) {
		end_request(r);
	}
}

/* Is the other side of fd somebody who may ask? */
static bool is_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void on_client(void *ctx, int listening)
{
	struct control *c = ctx;
	struct control_request *r = NULL;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (is_allowed(fd) && c->clients < CLIENTS_MAX)
		r = calloc(1, sizeof(*r));
	if (r == NULL || loop_add(c->loop, fd, on_data, r) != 0) {
		free(r);
		(void)close(fd);
		return;
	}
	r->control = c;
	r->fd = fd;
	c->clients++;
}

static int listen_at(int fd, const struct sockaddr_un *a)
{
	/* A device number is used again only after its mount has gone. */
	(void)unlink(a->sun_path);
	if (bind(fd, (const struct sockaddr *)a, sizeof(*a)) != 0 ||
	    chmod(a->sun_path, 0600) != 0 || listen(fd, CLIENTS_MAX) != 0)
		return -errno;
	return 0;
}

int control_new(struct control **ret)
{
	struct control *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0) {
		err = -errno;
		free(c);
		return err;
	}
	*ret = c;
	return 0;
}

int control_start(struct control *c, struct loop *loop, dev_t dev,
		  const struct control_ops *ops)
{
	struct sockaddr_un a;
	struct stat st;
	int err = -ENOENT;

	for (unsigned n = 0; n < RUNDIR_COUNT && err != 0; n++)
		if (address(&a, n, geteuid(), dev, true))
			err = listen_at(c->fd, &a);
	if (err != 0)
		return err;
	c->loop = loop;
	c->ops = *ops;
	(void)snprintf(c->path, sizeof(c->path), "%s", a.sun_path);
	if (lstat(c->path, &st) == 0)
		c->ino = st.st_ino;
	return loop_add(loop, c->fd, on_client, c);
}

void control_hide(struct control *c)
{
	struct stat st;

	if (c == NULL || c->fd < 0)
		return;
	if (c->loop != NULL)
		loop_remove(c->loop, c->fd);
	(void)close(c->fd);
	c->fd = -1;
	/* Once its mount is gone, the name may be another one's already. */
	if (c->path[0] != '\0' && lstat(c->path, &st) == 0 &&
	    st.st_ino == c->ino)
		(void)unlink(c->path);
}

void control_end(struct control *c)
{
	control_hide(c);
	free(c);
}

/* The client's half. */

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

/* Connect to the daemon.  A descriptor, -ECONNREFUSED or -ETIMEDOUT. */
static int connect_to(uid_t owner, dev_t dev, const struct timeval *patience)
{
	struct sockaddr_un a;
	int err = -ECONNREFUSED;

	for (unsigned n = 0; n < RUNDIR_COUNT; n++) {
		int fd;

		if (!address(&a, n, owner, dev, false))
			continue;
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		if (patience != NULL) {
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, patience,
					 sizeof(*patience));
		}
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
			return fd;
		err = errno == EAGAIN ? -ETIMEDOUT : err;
		(void)close(fd);
	}
	return err;
}

void control_forget(uid_t owner, dev_t dev)
{
	struct sockaddr_un a;

	for (unsigned n = 0; n < RUNDIR_COUNT; n++) {
		int fd;

		if (!address(&a, n, owner, dev, false))
			continue;
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return;
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0 &&
		    errno == ECONNREFUSED)
			(void)unlink(a.sun_path);
		(void)close(fd);
	}
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

static void await_exit(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	while (pidfd >= 0 && poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}

/* Milliseconds of a clock that nobody sets. */
static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait for fd until that time, or with -1 for ever.  0 or -errno. */
static int await_input(int fd, int64_t until)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left = -1;
	int n;

	do {
		if (until >= 0)
			left = until > now_ms() ? until - now_ms() : 0;
		n = poll(&p, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

/*
 * All that comes until the other side closes, as a string.  The other side may
 * be anybody's: root asks the daemons of users, too.
 */
static int read_text(int fd, char **ret, int64_t until)
{
	char *text = malloc(CONTROL_ANSWER_MAX + 1);
	size_t len = 0;
	ssize_t n = 1;
	int err = text != NULL ? 0 : -ENOMEM;

	while (err == 0 && n > 0) {
		err = await_input(fd, until);
		if (err != 0)
			break;
		n = read(fd, text + len, CONTROL_ANSWER_MAX - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
		if (len == CONTROL_ANSWER_MAX)
			err = -EMSGSIZE;
	}
	if (err != 0) {
		free(text);
		return err;
	}
	text[len] = '\0';
	*ret = text;
	return 0;
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

int control_ask_for(struct control_answer *ret, uid_t owner, dev_t dev,
		    const char *word, unsigned seconds)
{
	const struct timeval patience = {.tv_sec = seconds};
	char request[WORD_MAX], *text = NULL;
	const int64_t until =
		seconds > 0 ? now_ms() + INT64_C(1000) * seconds : -1;
	int fd = connect_to(owner, dev, seconds > 0 ? &patience : NULL);
	int err, peer = -1;
	int len = snprintf(request, sizeof(request), "%s\n", word);
	pid_t pid;

	if (fd < 0)
		return fd;
	pid = peer_of(fd);
	if (strcmp(word, "lock") == 0)
		peer = (int)syscall(SYS_pidfd_open, pid, 0);
	err = send(fd, request, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -EIO;
	if (err == 0)
		err = read_text(fd, &text, until);
	(void)close(fd);
	/* A socket's end comes a moment before its process's. */
	if (err == 0 && strncmp(text, "0\n", 2) == 0)
		await_exit(peer);
	if (peer >= 0)
		(void)close(peer);
	if (err == 0)
		err = control_parse(ret, text);
	if (err == 0)
		ret->pid = pid;
	return err;
}

int control_ask(struct control_answer *ret, uid_t owner, dev_t dev,
		const char *word)
{
	/* The others wait for a disk. */
	return control_ask_for(ret, owner, dev, word,
			       strcmp(word, "status") == 0 ? STATUS_SECONDS
							   : 0);
}
