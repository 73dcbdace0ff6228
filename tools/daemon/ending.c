/* SPDX-License-Identifier: MIT */
#include "ending.h"

#include "lockers.h"
#include "tools/msg.h"
#include "tools/vault/rescue.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <syslog.h>
#include <unistd.h>

enum {
	RETRY_SECONDS = 2,
	RETRY_MAX_SECONDS = 64,
	ROUNDS_MAX = 8, /* of saves of what came during the last one */
	/* For a disk, with what is to be locked; logind has five. */
	PATIENCE_SECONDS = 4,
};

struct ending {
	struct ending_parts parts;
	int retry;    /* timer */
	int patience; /* timer */
	bool is_locking;
	bool is_flushing; /* before it is saved */
	bool is_saving;	  /* or rescued */
	bool by_signal;	  /* somebody without a connection wants the lock */
	bool is_detached; /* by umount -l */
	bool is_revoking; /* before it is saved */
	bool is_revoked;  /* everything is refused already */
	bool is_gone;	  /* unmounted from outside */
	bool is_frozen;	  /* it takes no more changes */
	bool is_safe;
	bool is_discarded;
	bool is_beside_tried; /* a conflict copy of all there is */
	struct rescue rescue;
	struct sealing_place place;
	unsigned rounds; /* of saves, since it was frozen */
	int save_error;	 /* why it has to be rescued */
	int error;	 /* that it ended with */
	int retry_error; /* that was logged last */
	time_t retry_seconds;
	struct lockers lockers;
};

static void on_saved(void *ctx, int err);

static void save(struct ending *e)
{
	int err = 0;

	e->is_saving = true;
	if (e->parts.saver != NULL)
		err = saver_request(e->parts.saver, VAULT_FRESH, on_saved, e);
	if (e->parts.saver == NULL || err != 0)
		on_saved(e, err);
}

/* A second one would do all that follows twice. */
static void save_once(struct ending *e)
{
	if (!e->is_saving)
		save(e);
}

static void on_retry(void *ctx, int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	save_once(ctx);
}

static bool is_dirty(const struct ending *e)
{
	return e->parts.saver != NULL && saver_state(e->parts.saver).dirty;
}

/* Is there no way back, whether it can be saved or not? */
static bool must_end(const struct ending *e)
{
	return e->is_gone || e->is_revoked || e->by_signal;
}

/*
 * Will it be saved once more whatever comes of this, when what programs had
 * written through mappings has been handed over?
 */
static bool is_superseded(const struct ending *e)
{
	return e->is_detached && e->is_revoking && !e->is_gone;
}

/* As backend_freeze(). */
static int freeze(struct ending *e, bool frozen)
{
	e->is_frozen = frozen;
	return backend_freeze(e->parts.backend, frozen);
}

/* There will be no lock, for this reason. */
static void tell_lockers(struct ending *e, int err)
{
	e->is_locking = e->by_signal = false;
	lockers_tell(&e->lockers, err);
}

static void on_revoked(void *ctx)
{
	struct ending *e = ctx;

	e->is_revoking = false;
	e->is_revoked = true;
	(void)freeze(e, true);
	if (e->is_safe)
		return;
	e->is_gone = e->is_gone || e->is_detached;
	/* A flush that is not over may never be; or it was given up. */
	e->is_flushing = false;
	save_once(e);
}

/* What programs had written through mappings has been handed over. */
static void on_dropped(void *ctx)
{
	struct ending *e = ctx;
	int err = 0;

	if (!e->is_safe)
		err = backend_revoke(e->parts.backend, on_revoked, e);
	/* Without memory for a list, nothing is overwritten. */
	if (err != 0)
		on_revoked(e);
}

/* Refuse everything, before it is saved. */
static void revoke_now(struct ending *e)
{
	e->is_locking = e->is_revoking = true;
	if (backend_drop(e->parts.backend, on_dropped, e) != 0)
		on_dropped(e);
}

/* The lock did not come about: everything is as before. */
static void give_up(struct ending *e, int err)
{
	if (e->by_signal)
		msg_log(LOG_ERR, "%s: cannot save: %s; it stays mounted",
			store_path(e->parts.store), msg_error(err));
	(void)freeze(e, false);
	e->rounds = 0;
	tell_lockers(e, err);
	e->parts.stays(e->parts.ctx);
}

static void stop(void *ctx)
{
	struct ending *e = ctx;

	/* It has ended, but not as they expect. */
	if (e->error != 0)
		tell_lockers(e, -ECANCELED);
	loop_stop(e->parts.loop);
}

/* Files in memory may have been written to until this moment. */
static void on_shut(void *ctx)
{
	struct ending *e = ctx;

	e->is_revoked = true;
	e->is_safe = e->error != 0 || e->is_discarded || !is_dirty(e);
	if (e->is_safe)
		stop(e);
	else
		save(e);
}

/* What the kernel could not hand over now is lost; it has told the writers. */
static void shut(void *ctx, int flush_err)
{
	struct ending *e = ctx;
	int err = backend_revoke(e->parts.backend, on_shut, e);

	(void)flush_err;
	if (err == 0)
		return;
	msg_log(LOG_WARNING,
		"%s: what the kernel has cached of it is not overwritten: %s",
		store_path(e->parts.store), msg_error(err));
	stop(e);
}

/*
 * From here on there is no way back.  What programs have written since the
 * first flush is refused, but has to be seen to be overwritten.
 */
static void finish(struct ending *e, int err)
{
	e->is_safe = true;
	e->error = err;
	if (e->is_gone || e->is_revoked)
		stop(e);
	else if (e->is_discarded)
		/* The way to the mount may be on a disk that hangs. */
		shut(e, 0);
	else
		e->parts.flush(e->parts.ctx, shut, e);
}

/* The vault is safe, but for what this process alone has. */
static void retry_later(struct ending *e, int err)
{
	struct itimerspec at = {.it_value = {0, 0}};

	e->retry_seconds =
		e->retry_seconds == 0 ? RETRY_SECONDS : e->retry_seconds * 2;
	if (e->retry_seconds > RETRY_MAX_SECONDS)
		e->retry_seconds = RETRY_MAX_SECONDS;
	/* Once, not every time. */
	if (err != e->retry_error)
		msg_log(LOG_ERR,
			"%s: locked, but its last changes cannot be saved "
			"anywhere: %s; process %d has them and goes on trying, "
			"do not end it",
			store_path(e->parts.store), msg_error(err), getpid());
	e->retry_error = err;
	tell_lockers(e, err);
	at.it_value.tv_sec = e->retry_seconds;
	(void)timerfd_settime(e->retry, 0, &at, NULL);
}

/* What was to be put aside has been, or not. */
static void on_rescued(void *ctx, int err)
{
	struct ending *e = ctx;

	e->is_saving = false;
	if (e->is_discarded)
		return;
	if (err == 0) {
		msg_log(LOG_ERR,
			"%s: cannot save: %s; its last state is sealed in %s, "
			"and 'tazpod restore %s %s' puts it in its place",
			store_path(e->parts.store), msg_error(e->save_error),
			e->rescue.path, e->rescue.path,
			store_path(e->parts.store));
		if (!is_superseded(e))
			finish(e, e->save_error);
	} else if (e->is_gone || e->is_revoked) {
		retry_later(e, e->save_error);
	} else if (!is_superseded(e)) {
		give_up(e, e->save_error);
	}
}

/* It has to end, and cannot be saved. */
static void end_without_save(struct ending *e, int err)
{
	if (err == -ESTALE && saver_state(e->parts.saver).beside) {
		msg_log(LOG_ERR,
			"%s: ended, and another file is in its place; what was "
			"mounted is kept beside it, as NAME.conflict-TIME",
			store_path(e->parts.store));
		finish(e, err);
		return;
	}
	/* What is there may be older than the last change. */
	if (err == -ESTALE && !e->is_beside_tried) {
		e->is_beside_tried = true;
		save(e);
		return;
	}
	e->is_beside_tried = false;
	e->save_error = err;
	e->is_saving = true;
	err = saver_rescue(e->parts.saver, &e->place, on_rescued, e);
	if (err != 0)
		on_rescued(e, err);
}

/*
 * It is saved: take no more changes, and save once more what came meanwhile.
 * Who keeps writing to files in memory (ETXTBSY) keeps it open, unless there is
 * no way back.  What cannot be taken from there is nowhere else.
 */
static void settle(struct ending *e)
{
	const int err = freeze(e, true);
	const bool is_left = err != 0 && err != -ETXTBSY;
	const bool stays = !e->is_gone && !e->is_revoked;

	if (err != 0 && (!must_end(e) || (is_left && stays)))
		give_up(e, err);
	else if (is_dirty(e) && e->rounds++ < ROUNDS_MAX)
		save(e);
	else if (is_left)
		retry_later(e, err);
	else
		finish(e, 0);
}

static void on_saved(void *ctx, int err)
{
	struct ending *e = ctx;

	e->is_saving = false;
	/* It has been given up meanwhile. */
	if (e->is_discarded || is_superseded(e))
		return;
	if (err != 0 && !must_end(e)) {
		give_up(e, err);
	} else if (err != 0 && !e->is_gone && !e->is_frozen) {
		/* So that what is put aside is all there is. */
		(void)freeze(e, true);
		save(e);
	} else if (err != 0) {
		end_without_save(e, err);
	} else {
		settle(e);
	}
}

/* What the kernel has kept has been handed over, or not. */
static void on_flushed(void *ctx, int err)
{
	struct ending *e = ctx;
	const bool is_late = !e->is_flushing;

	e->is_flushing = false;
	if (is_late || e->is_discarded || is_superseded(e))
		return;
	if (err != 0 && !must_end(e)) {
		give_up(e, err);
		return;
	}
	if (err != 0)
		msg_log(LOG_ERR,
			"%s: what programs have written last may be lost: %s",
			store_path(e->parts.store), msg_error(err));
	save(e);
}

static void begin(struct ending *e)
{
	if (e->is_locking || e->is_gone)
		return;
	e->is_locking = true;
	/* What is refused already has nothing to hand over. */
	if (e->is_revoked) {
		save_once(e);
		return;
	}
	e->is_flushing = true;
	e->parts.flush(e->parts.ctx, on_flushed, e);
}

/* What is to be locked must not stay open because of a disk. */
static void on_patience(void *ctx, int fd)
{
	struct ending *e = ctx;
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	if (!e->by_signal || !e->is_locking || e->is_safe || e->is_gone ||
	    e->is_revoking || e->is_revoked)
		return;
	msg_log(LOG_WARNING,
		"%s: still being saved; nothing of it can be had any more, and "
		"it ends when it is",
		store_path(e->parts.store));
	revoke_now(e);
}

static int add_timer(struct ending *e, int *timer, loop_fn *fn)
{
	*timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return *timer < 0 ? -errno : loop_add(e->parts.loop, *timer, fn, e);
}

int ending_new(struct ending **ret, const struct ending_parts *parts)
{
	struct ending *e = calloc(1, sizeof(*e));
	int err;

	if (e == NULL)
		return -ENOMEM;
	e->parts = *parts;
	e->rescue.store = parts->store;
	e->place = (struct sealing_place){rescue_open, &e->rescue};
	e->retry = e->patience = -1;
	err = add_timer(e, &e->retry, on_retry);
	if (err == 0)
		err = add_timer(e, &e->patience, on_patience);
	if (err == 0)
		*ret = e;
	else
		ending_free(e);
	return err;
}

void ending_lock(struct ending *e, struct control_request *r)
{
	if (e->is_discarded)
		control_reply(r, -ESHUTDOWN);
	else if (lockers_add(&e->lockers, r))
		begin(e);
}

void ending_discard(struct ending *e, struct control_request *r)
{
	const bool is_first = !e->is_safe;

	/* They asked for a save. */
	if (is_first)
		tell_lockers(e, -ESHUTDOWN);
	if (!lockers_add(&e->lockers, r) || !is_first)
		return;
	msg_log(LOG_NOTICE, "%s: ended without a save, as was asked for",
		store_path(e->parts.store));
	e->is_locking = e->is_discarded = true;
	(void)freeze(e, true);
	finish(e, 0);
}

void ending_demand(struct ending *e, const char *why)
{
	const struct itimerspec soon = {.it_value = {PATIENCE_SECONDS, 0}};

	if (why != NULL && !e->is_locking && !e->is_gone)
		msg_log(LOG_NOTICE, "%s: locks itself: %s",
			store_path(e->parts.store), why);
	/* Who asks again does not put it off. */
	if (!e->by_signal)
		(void)timerfd_settime(e->patience, 0, &soon, NULL);
	e->by_signal = true;
	begin(e);
}

void ending_detached(struct ending *e)
{
	if (e->is_detached || e->is_gone)
		return;
	e->is_detached = true;
	/* A save that is under way may wait for its disk. */
	if (!e->is_safe && !e->is_revoking && !e->is_revoked)
		revoke_now(e);
}

void ending_gone(struct ending *e)
{
	e->is_gone = true;
	if (!e->is_locking)
		save_once(e);
}

bool ending_is_under_way(const struct ending *e)
{
	return e->is_locking || e->is_gone;
}

bool ending_is_gone(const struct ending *e)
{
	return e->is_gone || e->is_detached;
}

bool ending_is_discarded(const struct ending *e)
{
	return e->is_discarded;
}

bool ending_is_safe(const struct ending *e)
{
	return e->is_safe;
}

int ending_error(const struct ending *e)
{
	return e->error;
}

void ending_free(struct ending *e)
{
	if (e == NULL)
		return;
	/* A process with a thread that waits for a disk does not end before
	 * that does. */
	lockers_done(&e->lockers, !e->is_discarded);
	if (e->retry >= 0)
		(void)close(e->retry);
	if (e->patience >= 0)
		(void)close(e->patience);
	free(e);
}
