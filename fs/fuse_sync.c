/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait for a seal, and so for a disk.  The kernel lets nobody go
 * who waits for the answer to a request that the daemon has read, not even a
 * process that is killed; it only lets the daemon know (FUSE_INTERRUPT).
 */
#include "fuse_ops.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	/* Of the timer, which runs once a second. */
	TICKS = 2,
};

struct fuse_waiter {
	struct fuse_waiter *next;
	struct mount *mount;
	fuse_req_t req; /* NULL: it has been answered */
	ssize_t written;
	unsigned ticks; /* since it was interrupted, and one */
};

static void wake_in_a_second(const struct mount *m)
{
	const struct itimerspec second = {.it_value = {1, 0}};

	(void)timerfd_settime(m->interrupts, 0, &second, NULL);
}

/* Does the timer run for somebody already, who is not to be put off? */
static bool is_ticking(const struct mount *m)
{
	const struct fuse_waiter *w = m->waiters;

	while (w != NULL && (w->ticks == 0 || w->req == NULL))
		w = w->next;
	return w != NULL;
}

/* Under the loop's lock, in the serving thread. */
static void on_interrupt(fuse_req_t req, void *data)
{
	struct fuse_waiter *w = data;

	(void)req;
	if (w->ticks > 0)
		return;
	if (!is_ticking(w->mount))
		wake_in_a_second(w->mount);
	w->ticks = 1;
}

static void answer(struct fuse_waiter *w, int err)
{
	const fuse_req_t req = w->req;

	if (req == NULL)
		return;
	w->req = NULL;
	fuse_req_interrupt_func(req, NULL, NULL);
	if (err != 0 || w->written == FUSE_SYNC_PLAIN)
		fuse_call_err(req, err);
	else
		fuse_call_count(req, w->written);
}

static void on_timer(void *ctx, int fd)
{
	struct mount *m = ctx;
	bool more = false;
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	for (struct fuse_waiter *w = m->waiters; w != NULL; w = w->next) {
		if (w->ticks == 0 || w->req == NULL)
			continue;
		if (++w->ticks > TICKS)
			answer(w, -EINTR);
		else
			more = true;
	}
	if (more)
		wake_in_a_second(m);
}

static void unlink_waiter(struct fuse_waiter *w)
{
	struct fuse_waiter **at = &w->mount->waiters;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

static void on_sealed(void *ctx, int err)
{
	struct fuse_waiter *w = ctx;

	answer(w, err);
	unlink_waiter(w);
	free(w);
}

void fuse_sync(fuse_req_t req, ssize_t written)
{
	struct mount *m = fuse_call_mount(req);
	struct fuse_waiter *w = NULL;
	int err;

	if (m->parts.saver != NULL)
		w = malloc(sizeof(*w));
	if (w == NULL) {
		fuse_call_err(req, m->parts.saver != NULL ? -ENOMEM : 0);
		return;
	}
	*w = (struct fuse_waiter){m->waiters, m, req, written, 0};
	m->waiters = w;
	fuse_req_interrupt_func(req, on_interrupt, w);
	err = saver_request(m->parts.saver, VAULT_SESSION, on_sealed, w);
	if (err != 0)
		on_sealed(w, err);
}

int fuse_sync_start(struct mount *m)
{
	m->interrupts =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->interrupts < 0)
		return -errno;
	return loop_add(m->parts.loop, m->interrupts, on_timer, m);
}

void fuse_sync_stop(struct mount *m)
{
	if (m->interrupts < 0)
		return;
	loop_remove(m->parts.loop, m->interrupts);
	(void)close(m->interrupts);
}
