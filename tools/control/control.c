/* SPDX-License-Identifier: MIT */
/* The daemon's side of a control socket. */
#include "control_impl.h"

#include "tools/rundir.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { CLIENTS_MAX = 16 };

struct control {
	struct loop *loop;
	struct control_ops ops;
	int fd;
	/* The first of them has been connected for the longest time. */
	struct control_request *clients[CLIENTS_MAX];
	unsigned client_count;
	char path[PATH_MAX];
	ino_t ino; /* of the socket at path */
};

struct control_request {
	struct control *control;
	int fd;			   /* -1: the client has gone */
	bool pending;		   /* an answer is owed */
	int with[CONTROL_FDS_MAX]; /* that came with the word, or -1 */
	size_t len;
	char word[CONTROL_WORD_MAX + 1];
};

bool control_address(struct sockaddr_un *ret, unsigned n, uid_t uid,
		     const char *name, bool make)
{
	char dir[PATH_MAX];
	int len;

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!rundir_get(dir, n, uid, make))
		return false;
	len = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", dir,
		       name);
	return len > 0 && (size_t)len < sizeof(ret->sun_path);
}

void control_name(char ret[static CONTROL_NAME_MAX], dev_t dev)
{
	(void)snprintf(ret, CONTROL_NAME_MAX, "%u:%u.sock", major(dev),
		       minor(dev));
}

void control_name_gone(char ret[static CONTROL_NAME_MAX], pid_t pid)
{
	(void)snprintf(ret, CONTROL_NAME_MAX, CONTROL_GONE "%d.sock", pid);
}

/* It takes no place any more. */
static void strike(struct control_request *r)
{
	struct control *c = r->control;
	unsigned i = 0;

	while (c->clients[i] != r)
		i++;
	for (c->client_count--; i < c->client_count; i++)
		c->clients[i] = c->clients[i + 1];
}

static void close_with(struct control_request *r)
{
	for (int i = 0; i < CONTROL_FDS_MAX; i++) {
		if (r->with[i] >= 0)
			(void)close(r->with[i]);
		r->with[i] = -1;
	}
}

static void end_request(struct control_request *r)
{
	if (r->fd >= 0) {
		loop_remove(r->control->loop, r->fd);
		(void)close(r->fd);
	}
	close_with(r);
	strike(r);
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
	strike(r);
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

static void obey_lease(struct control_request *r)
{
	const struct control_ops *ops = &r->control->ops;
	const int process = r->with[0], terminal = r->with[1];

	if (process < 0) {
		control_reply(r, -EINVAL);
		return;
	}
	r->with[0] = r->with[1] = -1;
	control_reply(r, ops->lease(ops->ctx, process, terminal));
}

static void obey(struct control_request *r)
{
	const struct control_ops *ops = &r->control->ops;

	r->pending = true;
	if (strcmp(r->word, "status") == 0)
		answer_status(r);
	else if (strcmp(r->word, "save") == 0)
		ops->save(ops->ctx, r);
	else if (strcmp(r->word, "lock") == 0)
		ops->lock(ops->ctx, r);
	else if (strcmp(r->word, "discard") == 0)
		ops->discard(ops->ctx, r);
	else if (strcmp(r->word, "lease") == 0)
		obey_lease(r);
	else
		control_reply(r, -ENOSYS);
}

/* Keep the descriptors that have come in h, as far as there is room. */
static void keep_with(struct control_request *r, struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL;
	     c = CMSG_NXTHDR(h, c)) {
		const int *fds = (const int *)(const void *)CMSG_DATA(c);
		const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		close_with(r);
		for (size_t i = 0; i < count && i < CONTROL_FDS_MAX; i++)
			r->with[i] = fds[i];
	}
}

/* As recv(2) from fd into the word of r. */
static ssize_t receive(struct control_request *r, int fd)
{
	union {
		struct cmsghdr header;
		uint8_t room[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {r->word + r->len, CONTROL_WORD_MAX - r->len};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		keep_with(r, &h);
	return n;
}

/* The client has gone, or says what nobody wants to know. */
static void on_end(struct control_request *r, bool has_gone)
{
	if (!r->pending) {
		end_request(r);
	} else if (has_gone) {
		/* What it asked for goes on. */
		loop_remove(r->control->loop, r->fd);
		(void)close(r->fd);
		r->fd = -1;
	}
}

static void on_data(void *ctx, int fd)
{
	struct control_request *r = ctx;
	ssize_t n = receive(r, fd);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || r->pending) {
		on_end(r, n <= 0);
		return;
	}
	r->len += (size_t)n;
	if (r->word[r->len - 1] == '\n') {
		r->word[r->len - 1] = '\0';
		obey(r);
	} else if (r->len == CONTROL_WORD_MAX) {
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

/*
 * Is there a place for one more?  Who has connected and asks for nothing must
 * not keep others out, so the one that has been silent for longest goes.
 */
static bool make_place(struct control *c)
{
	unsigned i = 0;

	if (c->client_count < CLIENTS_MAX)
		return true;
	while (i < CLIENTS_MAX && c->clients[i]->pending)
		i++;
	if (i == CLIENTS_MAX)
		return false;
	end_request(c->clients[i]);
	return true;
}

static void on_client(void *ctx, int listening)
{
	struct control *c = ctx;
	struct control_request *r = NULL;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (is_allowed(fd) && make_place(c))
		r = calloc(1, sizeof(*r));
	if (r == NULL || loop_add(c->loop, fd, on_data, r) != 0) {
		free(r);
		(void)close(fd);
		return;
	}
	r->control = c;
	r->fd = fd;
	for (int i = 0; i < CONTROL_FDS_MAX; i++)
		r->with[i] = -1;
	c->clients[c->client_count++] = r;
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
	char name[CONTROL_NAME_MAX];
	struct sockaddr_un a;
	struct stat st;
	int err = -ENOENT;

	control_name(name, dev);
	for (unsigned n = 0; n < RUNDIR_COUNT && err != 0; n++)
		if (control_address(&a, n, geteuid(), name, true))
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

bool control_is_started(const struct control *c)
{
	return c->path[0] != '\0';
}

/* Is what is at its path still its own? */
static bool is_at_path(const struct control *c)
{
	struct stat st;

	return c->path[0] != '\0' && lstat(c->path, &st) == 0 &&
	       st.st_ino == c->ino;
}

void control_gone(struct control *c)
{
	char to[PATH_MAX], name[CONTROL_NAME_MAX], *slash;

	if (c == NULL || !is_at_path(c))
		return;
	control_name_gone(name, getpid());
	slash = strrchr(c->path, '/');
	if (snprintf(to, sizeof(to), "%.*s/%s", (int)(slash - c->path), c->path,
		     name) >= (int)sizeof(to))
		return;
	if (rename(c->path, to) == 0)
		(void)snprintf(c->path, sizeof(c->path), "%s", to);
}

void control_shut(struct control *c)
{
	if (c == NULL || c->fd < 0)
		return;
	if (c->loop != NULL)
		loop_remove(c->loop, c->fd);
	(void)close(c->fd);
	c->fd = -1;
	/* Once its mount is gone, the name may be another one's already. */
	if (is_at_path(c))
		(void)unlink(c->path);
}

void control_end(struct control *c)
{
	if (c == NULL)
		return;
	control_shut(c);
	for (unsigned i = c->client_count; i > 0; i--)
		end_request(c->clients[i - 1]);
	free(c);
}
