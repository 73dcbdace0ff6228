/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_ENDINGS_H
#define TZ_TESTS_ENDINGS_H

/*
 * A world for an ending (tools/ending.h): the mount, the saver and the loop are
 * this program's own, and whatever they were asked for ends when the test says
 * so, in any order.
 */
#include "tools/daemon/ending.h"
#include "tools/msg.h"
#include "tools/vault/rescue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/timerfd.h>

#include <cmocka.h>

enum { REQUESTS_MAX = 64 };

struct control_request {
	bool wants_discard;
	bool is_answered;
	int err;
};

/* Something that was asked for and is not over. */
struct pending {
	union {
		saver_fn *save;
		backend_fn *mount;
		flush_fn *flush;
	} fn;
	void *ctx;
	unsigned changes; /* what it has seen */
	bool is_blind;	  /* it had no path to what it is to flush */
	bool is_there;
};

static struct {
	struct ending *ending;
	/* A discard does not wait for what was begun before it. */
	struct pending flush, old_flush, save, rescue, drop, revoke;
	loop_fn *on_retry, *on_patience;
	int retry_fd, patience_fd;
	bool retry_runs, patience_runs;
	unsigned patience_starts;
	/* Each change has a number; what holds all up to which one. */
	unsigned changes, sealed, rescued;
	bool is_cached; /* a change that the kernel has not handed over */
	bool is_lost;	/* ... and will not */
	bool may_lose;	/* who asked was told so */
	bool frozen, revoked, detached, gone, discarded, stopped;
	int freeze_error; /* what comes of a freeze */
	struct control_request requests[REQUESTS_MAX];
	size_t request_count;
} w;

int loop_add(struct loop *l, int fd, loop_fn *fn, void *ctx)
{
	(void)l;
	(void)ctx;
	if (w.on_retry == NULL) {
		w.on_retry = fn;
		w.retry_fd = fd;
	} else {
		w.on_patience = fn;
		w.patience_fd = fd;
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	(void)l;
	w.stopped = true;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new,
		    struct itimerspec *old)
{
	(void)flags;
	(void)old;
	assert_true(new->it_value.tv_sec > 0);
	if (fd == w.retry_fd)
		w.retry_runs = true;
	else
		w.patience_runs = true;
	w.patience_starts += fd == w.patience_fd;
	return 0;
}

void control_reply(struct control_request *r, int err)
{
	assert_false(r->is_answered);
	r->is_answered = true;
	r->err = err;
}

void control_reply_last(struct control_request *r)
{
	control_reply(r, 0);
}

int backend_freeze(struct backend *b, bool frozen)
{
	(void)b;
	w.frozen = frozen;
	return frozen ? w.freeze_error : 0;
}

/* One at a time, or all that follows would be done twice. */
static void begin(struct pending *p, void *ctx)
{
	assert_false(p->is_there);
	p->ctx = ctx;
	p->changes = w.changes;
	p->is_there = true;
}

int backend_drop(struct backend *b, backend_fn *fn, void *ctx)
{
	(void)b;
	begin(&w.drop, ctx);
	w.drop.fn.mount = fn;
	return 0;
}

/* A mount that ends while it is revoked is revoked once more. */
int backend_revoke(struct backend *b, backend_fn *fn, void *ctx)
{
	(void)b;
	w.revoked = true;
	w.revoke.is_there = false;
	begin(&w.revoke, ctx);
	w.revoke.fn.mount = fn;
	return 0;
}

int saver_request(struct saver *s, enum vault_salt salt, saver_fn *fn,
		  void *ctx)
{
	(void)s;
	(void)salt;
	assert_false(w.rescue.is_there);
	begin(&w.save, ctx);
	w.save.fn.save = fn;
	return 0;
}

int saver_rescue(struct saver *s, const struct sealing_place *place,
		 saver_fn *fn, void *ctx)
{
	(void)s;
	(void)place;
	assert_false(w.save.is_there);
	begin(&w.rescue, ctx);
	w.rescue.fn.save = fn;
	return 0;
}

struct saver_state saver_state(const struct saver *s)
{
	(void)s;
	return (struct saver_state){.dirty = w.changes != w.sealed};
}

const char *store_path(const struct store *s)
{
	(void)s;
	return "vault";
}

int rescue_open(void *ctx, unsigned i, struct store **store)
{
	(void)ctx;
	(void)i;
	(void)store;
	return -ENOENT;
}

/* What is said is no matter here. */
void msg_log(int level, const char *format, ...)
{
	(void)level;
	(void)format;
}

const char *msg_error(int err)
{
	(void)err;
	return "";
}

static void flush(void *ctx, flush_fn *fn, void *fn_ctx)
{
	(void)ctx;
	if (w.flush.is_there) {
		assert_false(w.old_flush.is_there);
		w.old_flush = w.flush;
		w.flush.is_there = false;
	}
	begin(&w.flush, fn_ctx);
	w.flush.fn.flush = fn;
	w.flush.is_blind = w.detached || w.gone;
}

static struct pending take(struct pending *p)
{
	struct pending taken = *p;

	assert_true(p->is_there);
	p->is_there = false;
	return taken;
}

/* The kernel hands over what it has, or drops it. */
static void hand_over(void)
{
	if (!w.is_cached)
		return;
	w.is_cached = false;
	if (w.frozen || w.revoked)
		w.is_lost = true;
	else
		w.changes++;
}

static void end_flush(int err)
{
	const struct pending p =
		take(w.old_flush.is_there ? &w.old_flush : &w.flush);

	if (err == 0 && !p.is_blind)
		hand_over();
	/* That is logged. */
	w.may_lose = w.may_lose || err != 0;
	p.fn.flush(p.ctx, err);
}

static void end_save(int err)
{
	const struct pending p = take(&w.save);

	if (err == 0)
		w.sealed = p.changes;
	p.fn.save(p.ctx, err);
}

static void end_rescue(int err)
{
	const struct pending p = take(&w.rescue);

	if (err == 0)
		w.rescued = p.changes;
	p.fn.save(p.ctx, err);
}

static void end_drop(void)
{
	const struct pending p = take(&w.drop);

	hand_over();
	p.fn.mount(p.ctx);
}

static void end_revoke(void)
{
	const struct pending p = take(&w.revoke);

	hand_over();
	p.fn.mount(p.ctx);
}

static void tick(bool *runs, loop_fn *fn, int fd)
{
	assert_true(*runs);
	*runs = false;
	fn(w.ending, fd);
}

static void retry(void)
{
	tick(&w.retry_runs, w.on_retry, w.retry_fd);
}

static void lose_patience(void)
{
	tick(&w.patience_runs, w.on_patience, w.patience_fd);
}

static struct control_request *ask(bool discard)
{
	struct control_request *r = &w.requests[w.request_count++];

	r->wants_discard = discard;
	if (discard) {
		w.discarded = w.discarded || !ending_is_safe(w.ending);
		ending_discard(w.ending, r);
	} else {
		ending_lock(w.ending, r);
	}
	return r;
}

static void detach(void)
{
	w.detached = true;
	ending_detached(w.ending);
}

/* The kernel has handed over everything before. */
static void lose_connection(void)
{
	hand_over();
	w.gone = true;
	ending_gone(w.ending);
}

/* What is as it was before is seen by the world. */
static void stays(void *ctx)
{
	(void)ctx;
}

static int set_up(void **state)
{
	const struct ending_parts parts = {
		.loop = (struct loop *)&w,
		.backend = (struct backend *)&w,
		.saver = (struct saver *)&w,
		.store = (struct store *)&w,
		.flush = flush,
		.stays = stays,
	};

	(void)state;
	memset(&w, 0, sizeof(w));
	return ending_new(&w.ending, &parts);
}

/* What must be so at the end. */
static int tear_down(void **state)
{
	const bool failed = ending_error(w.ending) != 0;

	(void)state;
	if (w.stopped && !w.discarded) {
		assert_true(ending_is_safe(w.ending));
		assert_true(w.sealed == w.changes ||
			    (failed && w.rescued == w.changes));
		assert_true(!w.is_lost || w.may_lose);
	}
	ending_free(w.ending);
	for (size_t i = 0; i < w.request_count; i++) {
		const struct control_request *r = &w.requests[i];

		assert_true(r->is_answered);
		if (!w.stopped || r->wants_discard || r->err != 0)
			continue;
		/* A lock that is told to be done has saved. */
		assert_false(w.discarded);
		assert_false(failed);
	}
	return 0;
}

#endif
