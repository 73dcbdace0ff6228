/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include "crypto/stack.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct watch {
	loop_fn *fn;
	void *ctx;
};

/* Two arrays side by side, as poll(2) wants the one without the other. */
struct loop {
	pthread_mutex_t lock;
	struct pollfd *fds; /* fd -1: removed meanwhile */
	struct watch *watches;
	size_t count, room;
	bool stopped;
};

int loop_new(struct loop **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (*ret == NULL)
		return -ENOMEM;
	(void)pthread_mutex_init(&(*ret)->lock, NULL);
	return 0;
}

static int add(struct loop *l, const struct pollfd *p, loop_fn *fn, void *ctx)
{
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 8 : l->room * 2;
		struct pollfd *fds;
		struct watch *watches;

		fds = realloc(l->fds, room * sizeof(*fds));
		if (fds == NULL)
			return -ENOMEM;
		l->fds = fds;
		watches = realloc(l->watches, room * sizeof(*watches));
		if (watches == NULL)
			return -ENOMEM;
		l->watches = watches;
		l->room = room;
	}
	l->fds[l->count] = *p;
	l->watches[l->count] = (struct watch){fn, ctx};
	l->count++;
	return 0;
}

int loop_add(struct loop *l, int fd, loop_fn *fn, void *ctx)
{
	return add(l, &(struct pollfd){.fd = fd, .events = POLLIN}, fn, ctx);
}

int loop_add_urgent(struct loop *l, int fd, loop_fn *fn, void *ctx)
{
	return add(l, &(struct pollfd){.fd = fd, .events = POLLPRI}, fn, ctx);
}

void loop_remove(struct loop *l, int fd)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->fds[i].fd == fd)
			l->fds[i].fd = -1;
}

/* Close the gaps that loop_remove() left. */
static void compact(struct loop *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (l->fds[i].fd < 0)
			continue;
		l->fds[n] = l->fds[i];
		l->watches[n++] = l->watches[i];
	}
	l->count = n;
}

static void call(struct loop *l, size_t count)
{
	for (size_t i = 0; i < count && !l->stopped; i++)
		if (l->fds[i].fd >= 0 && l->fds[i].revents != 0)
			l->watches[i].fn(l->watches[i].ctx, l->fds[i].fd);
}

int loop_run(struct loop *l)
{
	while (!l->stopped) {
		/* Those added by a callback wait for the next round. */
		size_t count = l->count;

		stack_wipe();
		if (poll(l->fds, count, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		loop_lock(l);
		call(l, count);
		loop_unlock(l);
		compact(l);
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}

void loop_lock(struct loop *l)
{
	(void)pthread_mutex_lock(&l->lock);
}

void loop_unlock(struct loop *l)
{
	(void)pthread_mutex_unlock(&l->lock);
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	(void)pthread_mutex_destroy(&l->lock);
	free(l->fds);
	free(l->watches);
	free(l);
}
