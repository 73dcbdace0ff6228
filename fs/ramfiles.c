/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "crypto/mem.h"
#include "ramfiles_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	/* From a change until the files are walked, so that a row of them takes
	 * one walk; of the time, walks take a tenth at most. */
	SETTLE_MS = 20,
	SHARE = 10,
	/* How long a file that is being written to may stay as it was. */
	PATIENCE_MS = 1000,
	FLUSH_MS = 1000,
	RETRY_MS = 25,
	/* Where folders cannot be watched, or a walk fails. */
	BLIND_MS = 2000,
};

static struct ramfiles *files_of(struct backend *b)
{
	return (struct ramfiles *)b;
}

static uint64_t now_ms(void)
{
	return (uint64_t)clock_ms(CLOCK_MONOTONIC);
}

DIR *ramfiles_list(int fd)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0), err;
	DIR *d = own >= 0 ? fdopendir(own) : NULL;

	if (d == NULL && own >= 0) {
		err = errno;
		(void)close(own);
		errno = err;
	}
	return d;
}

bool ramfiles_is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

void ramfiles_wipe_buffers(struct ramfiles *r)
{
	explicit_bzero(r->buf, RAMFILES_STEP);
	explicit_bzero(r->old, RAMFILES_STEP);
}

/* How long to wait before the next walk. */
static uint64_t rest_ms(const struct ramfiles *r)
{
	const uint64_t rest = r->walk_ms * SHARE;

	return rest > SETTLE_MS ? rest : SETTLE_MS;
}

/* Walk once, and say what came of it.  *settled: see ramfiles_collect(). */
static int walk(struct ramfiles *r, const struct ramfiles_walk *how,
		bool *settled)
{
	const uint64_t begun = now_ms();
	const bool was_behind = r->is_behind;
	const int before = r->error;
	bool changed;

	r->error = ramfiles_collect(r, how, settled, &changed);
	r->walk_ms = now_ms() - begun;
	if (*settled)
		r->unsettled_ms = 0;
	else if (r->unsettled_ms == 0)
		r->unsettled_ms = begun;
	if (r->error != 0 || !*settled)
		r->is_behind = true;
	if (r->error != before)
		r->events.failed(r->events.ctx, r->error);
	/* Even if it has found nothing: whoever settled meanwhile could not
	 * know that. */
	if (changed || was_behind)
		r->events.changed(r->events.ctx);
	return r->error;
}

static void tell(struct flush_waiter *list, int err)
{
	while (list != NULL) {
		struct flush_waiter *next = list->next;

		list->fn(list->ctx, err);
		free(list);
		list = next;
	}
}

/* Is there somebody who does not wait any longer for writers? */
static bool is_late(const struct ramfiles *r)
{
	const uint64_t now = now_ms();

	for (const struct flush_waiter *w = r->waiters; w != NULL; w = w->next)
		if (now >= w->until_ms)
			return true;
	return false;
}

/* Walk as those who wait want it, and tell them, if that was possible. */
static void serve_waiters(struct ramfiles *r)
{
	const struct ramfiles_walk how = {.is_deep = true,
					  .is_patient = !is_late(r)};
	struct flush_waiter *list;
	bool settled;
	int err = walk(r, &how, &settled);

	if (err == 0 && !settled && how.is_patient) {
		clock_wake_in(r->timer, RETRY_MS);
		return;
	}
	list = r->waiters;
	r->waiters = NULL;
	tell(list, err);
}

static void walk_by_itself(struct ramfiles *r)
{
	const uint64_t since = r->unsettled_ms;
	const struct ramfiles_walk how = {
		.is_deep = r->is_unwatched,
		.is_patient = since == 0 || now_ms() < since + PATIENCE_MS,
	};
	bool settled;

	(void)walk(r, &how, &settled);
}

static void on_timer(void *ctx, int fd)
{
	struct ramfiles *r = ctx;
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	/* What is wiped is not to get into the tree. */
	if (r->is_ended)
		return;
	if (r->waiters != NULL)
		serve_waiters(r);
	else if (r->is_behind || r->is_unwatched)
		walk_by_itself(r);
	if (r->waiters != NULL)
		return;
	if (r->error != 0 || (r->is_unwatched && !r->is_behind))
		clock_wake_in(r->timer, BLIND_MS);
	else if (r->is_behind)
		clock_wake_in(r->timer, rest_ms(r));
}

static void on_inotify(void *ctx, int fd)
{
	struct ramfiles *r = ctx;
	const bool was_behind = r->is_behind;

	(void)fd;
	if (!ramfiles_hear(r, false) || r->is_ended)
		return;
	r->is_behind = true;
	/* Before it is in the tree, since it may take a while. */
	r->events.changed(r->events.ctx);
	if (!was_behind && r->waiters == NULL)
		clock_wake_in(r->timer, rest_ms(r));
}

static int serve(struct backend *b, struct saver *saver)
{
	const struct ramfiles_walk how = {.is_patient = true};
	struct ramfiles *r = files_of(b);
	bool settled;
	int err;

	(void)saver;
	/* The kernel shows them to who may mount, which this process may not
	 * any more: those of the tree stay. */
	r->lacks[XATTR_TRUSTED] = true;
	/* Who opens a file for writing while it is read is waited for. */
	(void)signal(SIGIO, SIG_IGN);
	r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = r->timer >= 0 ? 0 : -errno;
	if (err == 0)
		err = loop_add(r->parts.loop, r->timer, on_timer, r);
	if (err == 0)
		err = loop_add(r->parts.loop, r->inotify, on_inotify, r);
	/* To watch all folders; somebody may have been quick. */
	if (err == 0)
		err = walk(r, &how, &settled);
	if (err == 0 && (r->is_behind || r->is_unwatched))
		clock_wake_in(r->timer, r->is_behind ? SETTLE_MS : BLIND_MS);
	if (err == 0)
		r->events.ready(r->events.ctx);
	return err;
}

static void flush(struct backend *b, backend_flushed *fn, void *ctx)
{
	struct ramfiles *r = files_of(b);
	struct flush_waiter *w;

	if (r->is_ended || r->is_still || r->read_only) {
		fn(ctx, 0);
		return;
	}
	w = malloc(sizeof(*w));
	if (w == NULL) {
		fn(ctx, -ENOMEM);
		return;
	}
	*w = (struct flush_waiter){r->waiters, fn, ctx, now_ms() + FLUSH_MS};
	r->waiters = w;
	serve_waiters(r);
}

static bool is_behind(const struct backend *b)
{
	return ((const struct ramfiles *)b)->is_behind;
}

static int error(const struct backend *b)
{
	return ((const struct ramfiles *)b)->error;
}

/* Take in all there is, whoever is writing. */
static int take_all(struct ramfiles *r)
{
	const struct ramfiles_walk how = {.is_deep = true};
	bool settled;

	return walk(r, &how, &settled);
}

static int restrict_writers(struct ramfiles *r, enum ramfiles_writers who)
{
	return r->parts.restrict_writers(r->parts.ctx, r->root, who);
}

static int freeze(struct backend *b, bool frozen)
{
	struct ramfiles *r = files_of(b);
	int err, taken;

	if (r->is_ended || r->read_only)
		return 0;
	err = restrict_writers(r, frozen ? RAMFILES_NOBODY : RAMFILES_ALL);
	taken = frozen ? take_all(r) : 0;
	r->is_frozen = frozen;
	r->is_still = frozen && err == 0 && taken == 0;
	/* Who has a lease of a file for writing is no better than a writer. */
	if (taken == -EAGAIN || (taken == 0 && err == -EBUSY))
		return -ETXTBSY;
	return taken;
}

static int drop(struct backend *b, backend_fn *fn, void *ctx)
{
	(void)b;
	(void)fn;
	(void)ctx;
	return -EOPNOTSUPP;
}

static int refuse_all(struct backend *b, backend_fn *fn, void *ctx)
{
	struct ramfiles *r = files_of(b);
	struct flush_waiter *list;
	int err;

	if (!r->is_ended && !r->read_only) {
		/* Once they are gone, the tree alone has them.  Who has frozen
		 * it has been told already what cannot be taken. */
		err = r->is_still ? 0 : take_all(r);
		if (err != 0 && err != -EAGAIN && !r->is_frozen)
			return err;
		(void)restrict_writers(r, RAMFILES_US);
	}
	r->is_ended = true;
	r->is_behind = false;
	list = r->waiters;
	r->waiters = NULL;
	ramfiles_wipe(r);
	/* Who has it in another namespace could put there what nobody saves. */
	if (!r->read_only)
		(void)restrict_writers(r, RAMFILES_NOBODY);
	/* All that they could wait for is in the tree. */
	tell(list, 0);
	fn(ctx);
	return 0;
}

static uint64_t requests(const struct backend *b)
{
	(void)b;
	return 0;
}

static uint64_t uses(const struct backend *b)
{
	return ((const struct ramfiles *)b)->uses;
}

static void stop(struct backend *b)
{
	struct ramfiles *r = files_of(b);
	struct flush_waiter *list = r->waiters;

	if (r->inotify >= 0)
		loop_remove(r->parts.loop, r->inotify);
	ramfiles_watch_stop(r);
	if (r->timer >= 0) {
		loop_remove(r->parts.loop, r->timer);
		(void)close(r->timer);
	}
	r->timer = -1;
	r->is_ended = true;
	r->waiters = NULL;
	tell(list, -ESHUTDOWN);
}

/* As long as we have its root, nobody else has its number. */
static bool is_connected(const struct backend *b)
{
	(void)b;
	return true;
}

static void end(struct backend *b)
{
	struct ramfiles *r = files_of(b);

	stop(b);
	if (r->sign >= 0)
		(void)close(r->sign);
	if (r->root >= 0)
		(void)close(r->root);
	known_free(&r->known);
	mem_free(r->buf);
	mem_free(r->old);
	free(r);
}

static const struct backend_ops ops = {
	.serve = serve,
	.flush = flush,
	.is_behind = is_behind,
	.error = error,
	.freeze = freeze,
	.drop = drop,
	.revoke = refuse_all,
	.requests = requests,
	.uses = uses,
	.stop = stop,
	.is_connected = is_connected,
	.end = end,
};

int ramfiles_new(struct ramfiles **ret, const struct ramfiles_parts *parts,
		 const struct ramfiles_options *o,
		 const struct backend_events *events)
{
	struct ramfiles *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (r == NULL)
		return -ENOMEM;
	r->base.ops = &ops;
	r->parts = *parts;
	r->events = *events;
	r->view = o->view;
	r->allow_other = o->allow_other;
	r->read_only = o->read_only;
	r->counts_use = o->counts_use;
	/* Who is shown permissions of our own has no lists (fuse_xattr.c). */
	r->lacks[XATTR_ACL] = o->view.set_umask;
	r->root = r->sign = r->inotify = r->timer = -1;
	r->buf = mem_alloc_in(MEM_BOUNCE, RAMFILES_STEP);
	r->old = mem_alloc_in(MEM_BOUNCE, RAMFILES_STEP);
	if (r->buf != NULL && r->old != NULL)
		err = ramfiles_watch_start(r);
	if (err == 0)
		err = ramfiles_make(r, o);
	if (err == 0)
		err = ramfiles_fill(r);
	if (err == 0)
		*ret = r;
	else
		end(&r->base);
	return err;
}

dev_t ramfiles_device(const struct ramfiles *r)
{
	return r->dev;
}

int ramfiles_mount_id(const struct ramfiles *r)
{
	return r->mount_id;
}

bool ramfiles_is_swappable(const struct ramfiles *r)
{
	return r->is_swappable;
}

struct backend *ramfiles_backend(struct ramfiles *r)
{
	return &r->base;
}
