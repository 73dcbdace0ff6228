/* SPDX-License-Identifier: MIT */
/*
 * The serving thread.  It sleeps inside read(2) on the FUSE device, so that a
 * request costs two system calls; a poll(2) before them would be a third.
 * Whatever it does with a request it does under the loop's lock.
 */
#include "fuse_ops.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Let the main thread look at what has become of the mount. */
static void tell(const struct mount *m)
{
	const uint64_t one = 1;

	(void)!write(m->event, &one, sizeof(one));
}

void fuse_tell_changes(struct mount *m)
{
	if (m->changes == tree_changes(m->parts.tree))
		return;
	m->changes = tree_changes(m->parts.tree);
	m->events.changed(m->events.ctx);
}

/* Answer a request without looking at what it wants. */
static void refuse(struct mount *m)
{
	const struct fuse_patch_refusal r = fuse_patch_refuse(m->request);

	(void)!write(fuse_session_fd(m->session), &r, sizeof(r));
}

/* One request, or the end.  False: no more will come. */
static bool take(struct mount *m, int n)
{
	bool was_greeted = m->greeted;

	if (n > 0) {
		struct fuse_buf buf = {.mem = m->request, .size = (size_t)n};

		const bool waits = fuse_patch_waits(m->request);

		if (waits)
			m->requests++;
		if (fuse_patch_uses(m->request))
			m->uses++;
		if (m->revoked && waits)
			refuse(m);
		else
			fuse_session_process_buf(m->session, &buf);
		explicit_bzero(m->request, (size_t)n);
	}
	fuse_tell_changes(m);
	stack_wipe();
	m->gone = n <= 0 || fuse_session_exited(m->session);
	if (m->gone || m->greeted != was_greeted)
		tell(m);
	return !m->gone;
}

static void *serve(void *ctx)
{
	struct mount *m = ctx;
	bool more = true;

	while (more && !atomic_load(&m->stopping)) {
		struct fuse_buf buf = {.mem = m->request};
		int n = fuse_session_receive_buf(m->session, &buf);

		if (n == -EINTR || n == -EAGAIN)
			continue;
		loop_lock(m->parts.loop);
		more = take(m, n);
		loop_unlock(m->parts.loop);
	}
	return NULL;
}

static void interrupt(int signal)
{
	(void)signal;
}

int fuse_serve_start(struct mount *m)
{
	/* Without SA_RESTART, so that it ends a read(2). */
	const struct sigaction action = {.sa_handler = interrupt};

	if (sigaction(SIGUSR1, &action, NULL) != 0)
		return -errno;
	return stack_thread_start(&m->thread, serve, m);
}

void fuse_serve_stop(struct mount *m)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	atomic_store(&m->stopping, true);
	/* A signal that comes just before the read(2) is lost: send another. */
	while (!stack_thread_try_join(&m->thread)) {
		(void)pthread_kill(m->thread.id, SIGUSR1);
		(void)nanosleep(&pause, NULL);
	}
}
