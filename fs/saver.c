/* SPDX-License-Identifier: MIT */
#include "saver.h"

#include "crypto/mem.h"
#include "snapshot.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	/* After this without a save, the next one's key is derived. */
	IDLE_SECONDS = 1,
};

/* Somebody who waits for a save. */
struct waiter {
	struct waiter *next;
	saver_fn *fn;
	void *ctx;
};

/* What the serving thread hands to the sealing thread and gets back. */
struct job {
	struct snapshot snapshot;
	enum vault_salt salt;
	const char *aside; /* a new file to seal it into instead; or NULL */
	uint64_t replaced; /* generation of the vault that is in place */
	int err;
	bool beside;
	uint64_t sealed_bytes;
	struct seal_params params;
};

struct saver {
	struct saver_parts parts;
	struct saver_state state;
	uint64_t sealed_changes; /* tree_changes() of the last good seal */
	uint64_t
		beside_changes; /* ... of the last that state.beside tells of */
	struct waiter *waiting; /* for the seal under way */
	struct waiter *next;	/* for the one after it */
	enum vault_salt next_salt;
	int event;
	pthread_t thread;

	/* Shared with the sealing thread, under lock. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job job;
	bool job_given, job_done, stop;
};

int saver_seal(struct store *store, struct vault *v, const struct snapshot *s,
	       enum vault_salt salt)
{
	struct source again;
	int err = store_begin(store);

	if (err == 0)
		err = vault_seal(store_sink(store), v, s, salt);
	if (err == 0)
		err = store_reread(store, &again);
	return err == 0 ? vault_verify(v, again) : err;
}

/* Seal one snapshot into a file of its own. */
static int put_aside(struct saver *s, struct job *job)
{
	struct store *store = NULL;
	int err = store_create_aside(&store, job->aside);

	if (err == 0)
		err = saver_seal(store, s->parts.vault, &job->snapshot,
				 job->salt);
	if (err == 0)
		err = store_commit(store);
	store_close(store);
	return err;
}

/* Seal and store one snapshot.  The sealing thread alone uses the vault. */
static void do_job(struct saver *s, struct job *job)
{
	struct store *store = s->parts.store;

	job->err = saver_seal(store, s->parts.vault, &job->snapshot, job->salt);
	/* A save that keeps no older vault is better than none. */
	if (job->err == 0)
		(void)history_keep(store, &s->parts.history, job->replaced);
	if (job->err == 0)
		job->err = store_commit(store);
	/* What has taken our place is not ours to overwrite, and what we have
	 * is not to be in memory alone. */
	job->beside = job->err == -ESTALE && store_commit_beside(store) == 0;
	store_abort(store);
	job->sealed_bytes = store_size(store);
	job->params = *vault_params(s->parts.vault);
}

/* Wait for a job or the end; true: neither came for a while. */
static bool wait_idle(struct saver *s)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	return pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT;
}

static void *seal_loop(void *ctx)
{
	const uint64_t one = 1;
	struct saver *s = ctx;
	bool prepared = false;

	/* What is sealed here may be all that there is of it. */
	(void)mem_use_reserve(true);
	(void)pthread_mutex_lock(&s->lock);
	while (!s->stop || s->job_given) {
		if (s->job_given) {
			s->job_given = false;
			(void)pthread_mutex_unlock(&s->lock);
			if (s->job.aside != NULL)
				s->job.err = put_aside(s, &s->job);
			else
				do_job(s, &s->job);
			(void)pthread_mutex_lock(&s->lock);
			s->job_done = true;
			prepared = false;
			/* It takes this write, or is readable already. */
			(void)!write(s->event, &one, sizeof(one));
			(void)pthread_mutex_unlock(&s->lock);
			/* What nobody waits for. */
			store_tidy(s->parts.store);
			mem_trim();
			(void)pthread_mutex_lock(&s->lock);
		} else if (prepared) {
			(void)pthread_cond_wait(&s->wake, &s->lock);
		} else if (wait_idle(s) && !s->job_given && !s->stop) {
			/* Have the next save's key ready before it is asked
			 * for.  If it fails now, the save will say so. */
			(void)pthread_mutex_unlock(&s->lock);
			(void)vault_prepare(s->parts.vault);
			(void)pthread_mutex_lock(&s->lock);
			prepared = true;
		}
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* What a seal has kept for the next is the first to go. */
static bool relieve(void *ctx)
{
	return vault_relieve(ctx);
}

/* A condition whose timeouts no change of the date can stretch. */
static void init_wake(struct saver *s)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int saver_start(struct saver **ret, const struct saver_parts *parts)
{
	struct saver *s;
	int err = snapshot_reserve(0);

	if (err != 0)
		return err;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->parts = *parts;
	s->sealed_changes = tree_changes(parts->tree);
	s->state.params = *vault_params(parts->vault);
	s->next_salt = VAULT_SESSION;
	s->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->event < 0) {
		err = -errno;
		free(s);
		return err;
	}
	(void)pthread_mutex_init(&s->lock, NULL);
	init_wake(s);
	mem_on_pressure(relieve, parts->vault);
	err = -pthread_create(&s->thread, NULL, seal_loop, s);
	if (err != 0) {
		mem_on_pressure(NULL, NULL);
		(void)close(s->event);
		free(s);
		return err;
	}
	*ret = s;
	return 0;
}

int saver_fd(const struct saver *s)
{
	return s->event;
}

/* Tell everybody in list and empty it.  They may ask anew meanwhile. */
static void tell(struct waiter **list, int err)
{
	struct waiter *w = *list;

	*list = NULL;
	while (w != NULL) {
		struct waiter *next = w->next;

		w->fn(w->ctx, err);
		free(w);
		w = next;
	}
}

/* Give a job to the sealing thread, which is idle. */
static void hand_over(struct saver *s, const struct job *job)
{
	s->state.busy = true;
	(void)pthread_mutex_lock(&s->lock);
	s->job = *job;
	s->job_given = true;
	s->job_done = false;
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
}

/* Begin a seal for those who wait for the next one. */
static void begin(struct saver *s)
{
	struct job job = {
		.salt = s->next_salt,
		/* A seal that was not stored has used up its number. */
		.replaced = s->state.params.generation,
	};
	int err = snapshot_take(&job.snapshot, s->parts.tree);

	s->waiting = s->next;
	s->next = NULL;
	s->next_salt = VAULT_SESSION;
	if (err != 0) {
		s->state.error = err;
		tell(&s->waiting, err);
		return;
	}
	hand_over(s, &job);
}

static bool is_dirty(const struct saver *s)
{
	return tree_changes(s->parts.tree) != s->sealed_changes;
}

/*
 * Is what was sealed last still where it was put?  The sealing thread owns the
 * store while it is busy.
 */
static bool is_in_place(const struct saver *s)
{
	return s->state.busy || store_check(s->parts.store) == 0;
}

/* Is all there is kept beside the file that still is in our place? */
static bool is_kept_beside(const struct saver *s)
{
	return !s->state.busy && s->state.beside &&
	       s->beside_changes == tree_changes(s->parts.tree) &&
	       store_check(s->parts.store) == -ESTALE;
}

int saver_request(struct saver *s, enum vault_salt salt, saver_fn *fn,
		  void *ctx)
{
	struct waiter *w;

	if (!is_dirty(s) && !s->state.busy && is_in_place(s)) {
		fn(ctx, 0);
		return 0;
	}
	if (is_kept_beside(s)) {
		fn(ctx, -ESTALE);
		return 0;
	}
	w = malloc(sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	*w = (struct waiter){s->next, fn, ctx};
	s->next = w;
	if (salt == VAULT_FRESH)
		s->next_salt = VAULT_FRESH;
	if (!s->state.busy)
		begin(s);
	return 0;
}

/* Is all there is durable, in the vault's place or beside it? */
static bool is_settled(const struct saver *s)
{
	return !is_dirty(s) ||
	       (s->state.beside &&
		s->beside_changes == tree_changes(s->parts.tree));
}

/* Take in what became of a save. */
static void note_job(struct saver *s, const struct job *job)
{
	s->state.error = job->err;
	s->state.beside = job->beside;
	s->beside_changes = job->snapshot.changes;
	if (job->err == 0) {
		s->state.saves++;
		s->state.skipped = job->snapshot.skipped;
		s->state.sealed_bytes = job->sealed_bytes;
		s->state.params = job->params;
		s->sealed_changes = job->snapshot.changes;
	}
	if (s->parts.settled != NULL && is_settled(s))
		s->parts.settled(s->parts.ctx);
}

void saver_collect(struct saver *s)
{
	uint64_t count;
	bool done;

	(void)!read(s->event, &count, sizeof(count));
	(void)pthread_mutex_lock(&s->lock);
	done = s->job_done;
	s->job_done = false;
	(void)pthread_mutex_unlock(&s->lock);
	if (!done)
		return;
	s->state.busy = false;
	if (s->job.aside == NULL)
		note_job(s, &s->job);
	snapshot_release(&s->job.snapshot);
	tell(&s->waiting, s->job.err);
	if (s->next == NULL || s->state.busy)
		return;
	if (is_dirty(s))
		begin(s);
	else
		tell(&s->next, 0);
}

static void note_result(void *ctx, int err)
{
	*(int *)ctx = err;
}

/* Wait until the sealing thread has done something, and take it in. */
static int await(struct saver *s)
{
	struct pollfd p = {.fd = s->event, .events = POLLIN};

	if (poll(&p, 1, -1) < 0 && errno != EINTR)
		return -errno;
	saver_collect(s);
	return 0;
}

int saver_flush(struct saver *s)
{
	int result = -EINPROGRESS;
	int err = saver_request(s, VAULT_FRESH, note_result, &result);

	while (err == 0 && result == -EINPROGRESS)
		err = await(s);
	return err != 0 ? err : result;
}

int saver_rescue(struct saver *s, const char *path)
{
	struct job job = {.salt = VAULT_FRESH, .aside = path};
	int result = -EINPROGRESS, err = 0;

	while (err == 0 && s->state.busy)
		err = await(s);
	if (err != 0)
		return err;
	s->waiting = malloc(sizeof(*s->waiting));
	if (s->waiting == NULL)
		return -ENOMEM;
	*s->waiting = (struct waiter){NULL, note_result, &result};
	err = snapshot_take(&job.snapshot, s->parts.tree);
	if (err != 0)
		tell(&s->waiting, err);
	else
		hand_over(s, &job);
	while (err == 0 && result == -EINPROGRESS)
		err = await(s);
	return err != 0 ? err : result;
}

struct saver_state saver_state(const struct saver *s)
{
	struct saver_state state = s->state;

	state.dirty = is_dirty(s);
	return state;
}

void saver_stop(struct saver *s)
{
	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->stop = true;
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	mem_on_pressure(NULL, NULL);
	tell(&s->next, -EIO);
	saver_collect(s);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_cond_destroy(&s->wake);
	(void)close(s->event);
	free(s);
}
