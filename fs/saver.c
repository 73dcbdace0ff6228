/* SPDX-License-Identifier: MIT */
#include "saver.h"

#include "cold.h"
#include "crypto/mem.h"
#include "crypto/stack.h"

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
	GATHER_MAX_NS = 1000000,
	NS_PER_SECOND = 1000000000,
};

/* Somebody who waits for a save. */
struct waiter {
	struct waiter *next;
	saver_fn *fn;
	void *ctx;
};

struct saver {
	struct saver_parts parts;
	struct saver_state state;
	uint64_t sealed_changes; /* tree_changes() of the last good seal */
	uint64_t beside_changes; /* ... of what state.beside tells of */
	struct waiter *waiting;	 /* for the seal under way */
	struct waiter *next;	 /* for the one after it */
	struct waiter *rescue;	 /* for one that goes elsewhere */
	const struct sealing_place *place;
	size_t waiting_count, next_count;
	enum vault_salt next_salt;
	int event;
	struct stack_thread thread;

	/*
	 * Those who are told at once mostly ask again soon, and would each
	 * find that a seal has just begun.  So the next one waits a moment
	 * for so many of them.
	 */
	bool is_gathering;
	size_t expected;
	struct timespec begun; /* the seal under way: CLOCK_MONOTONIC */

	/* Shared with the sealing thread, under lock. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct sealing_job job; /* under way: the sealing thread's */
	bool job_given, job_done, stop;
	bool gathering, gather_over;
	struct timespec gather_until;
};

/* Wait for a job or the end; true: neither came for a while. */
static bool wait_idle(struct saver *s)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	return pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT;
}

/* Somebody has to be told something: the event is readable then. */
static void signal_event(const struct saver *s)
{
	const uint64_t one = 1;

	(void)!write(s->event, &one, sizeof(one));
}

static void wait_gathering(struct saver *s)
{
	if (pthread_cond_timedwait(&s->wake, &s->lock, &s->gather_until) !=
		    ETIMEDOUT ||
	    !s->gathering)
		return;
	s->gathering = false;
	s->gather_over = true;
	signal_event(s);
}

static void *seal_loop(void *ctx)
{
	struct saver *s = ctx;
	bool prepared = false;

	/* What is sealed here may be all that there is of it. */
	(void)mem_use(MEM_RESERVE);
	(void)pthread_mutex_lock(&s->lock);
	while (!s->stop || s->job_given) {
		if (s->job_given) {
			s->job_given = false;
			(void)pthread_mutex_unlock(&s->lock);
			sealing_run(&s->parts.sealing, &s->job);
			(void)pthread_mutex_lock(&s->lock);
			s->job_done = true;
			signal_event(s);
			if (s->job.look != SEALING_DO)
				continue;
			prepared = false;
			(void)pthread_mutex_unlock(&s->lock);
			/* What nobody waits for. */
			store_tidy(s->parts.sealing.store);
			mem_trim();
			stack_wipe();
			(void)pthread_mutex_lock(&s->lock);
		} else if (s->gathering) {
			wait_gathering(s);
		} else if (prepared) {
			(void)pthread_cond_wait(&s->wake, &s->lock);
		} else if (wait_idle(s) && !s->job_given && !s->stop) {
			/* Have the next save's key ready before it is asked
			 * for.  If it fails now, the save will say so. */
			(void)pthread_mutex_unlock(&s->lock);
			(void)vault_prepare(s->parts.sealing.vault);
			stack_wipe();
			(void)pthread_mutex_lock(&s->lock);
			prepared = true;
		}
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* What a seal has kept for the next is the last to go. */
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
	s->state.params = *vault_params(parts->sealing.vault);
	s->next_salt = VAULT_SESSION;
	s->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->event < 0) {
		err = -errno;
		free(s);
		return err;
	}
	(void)pthread_mutex_init(&s->lock, NULL);
	init_wake(s);
	cold_last_resort(relieve, parts->sealing.vault);
	err = stack_thread_start(&s->thread, seal_loop, s);
	if (err != 0) {
		cold_last_resort(NULL, NULL);
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
static void hand_over(struct saver *s, const struct sealing_job *job)
{
	s->state.busy = true;
	s->is_gathering = false;
	(void)clock_gettime(CLOCK_MONOTONIC, &s->begun);
	(void)pthread_mutex_lock(&s->lock);
	s->gathering = s->gather_over = false;
	s->job = *job;
	s->job_given = true;
	s->job_done = false;
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
}

static bool is_dirty(const struct saver *s)
{
	return tree_changes(s->parts.tree) != s->sealed_changes;
}

/* Was all there is kept beside the file that is in our place? */
static bool is_beside(const struct saver *s)
{
	return s->state.beside &&
	       s->beside_changes == tree_changes(s->parts.tree);
}

/* Begin a seal for those in s->waiting. */
static void begin_seal(struct saver *s, enum vault_salt salt)
{
	struct sealing_job job = {
		.salt = salt,
		/* A seal that was not stored has used up its number. */
		.replaced = s->state.params.generation,
	};
	int err = snapshot_take(&job.snapshot, s->parts.tree);

	if (err != 0) {
		s->state.error = err;
		tell(&s->waiting, err);
		return;
	}
	hand_over(s, &job);
}

/*
 * Begin what those who wait next have asked for.  To see that there is nothing
 * to seal takes a look at a disk, for which nobody who is served shall wait.
 */
static void begin(struct saver *s)
{
	const enum vault_salt salt = s->next_salt;
	const struct sealing_job look = {
		.salt = salt,
		.look = is_beside(s) ? SEALING_BESIDE : SEALING_PLACE,
	};

	s->waiting = s->next;
	s->waiting_count = s->next_count;
	s->next = NULL;
	s->next_count = 0;
	s->next_salt = VAULT_SESSION;
	s->is_gathering = false;
	if (is_dirty(s) && !is_beside(s))
		begin_seal(s, salt);
	else
		hand_over(s, &look);
}

static void begin_rescue(struct saver *s)
{
	struct sealing_job job = {.salt = VAULT_FRESH, .aside = s->place};
	int err = snapshot_take(&job.snapshot, s->parts.tree);

	s->waiting = s->rescue;
	s->waiting_count = 0;
	s->rescue = NULL;
	if (err != 0)
		tell(&s->waiting, err);
	else
		hand_over(s, &job);
}

int saver_request(struct saver *s, enum vault_salt salt, saver_fn *fn,
		  void *ctx)
{
	struct waiter *w = malloc(sizeof(*w));

	if (w == NULL)
		return -ENOMEM;
	*w = (struct waiter){s->next, fn, ctx};
	s->next = w;
	s->next_count++;
	if (salt == VAULT_FRESH)
		s->next_salt = VAULT_FRESH;
	if (!s->state.busy && (!s->is_gathering || salt == VAULT_FRESH ||
			       s->next_count >= s->expected))
		begin(s);
	return 0;
}

/* Take in what became of a save. */
static void note_job(struct saver *s, const struct sealing_job *job)
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
	/* Is all there is durable, in the vault's place or beside it? */
	if (s->parts.settled != NULL &&
	    (job->err == 0 ? !is_dirty(s) : is_beside(s)))
		s->parts.settled(s->parts.ctx);
}

static int64_t ns_between(const struct timespec *a, const struct timespec *b)
{
	return (int64_t)(b->tv_sec - a->tv_sec) * NS_PER_SECOND + b->tv_nsec -
	       a->tv_nsec;
}

/* Wait for expected requests, at most half as long as the last seal took. */
static void gather(struct saver *s, size_t expected)
{
	struct timespec until;
	int64_t ns;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	ns = ns_between(&s->begun, &until) / 2;
	until.tv_nsec += ns < GATHER_MAX_NS ? ns : GATHER_MAX_NS;
	until.tv_sec += until.tv_nsec / NS_PER_SECOND;
	until.tv_nsec %= NS_PER_SECOND;
	s->is_gathering = true;
	s->expected = expected;
	(void)pthread_mutex_lock(&s->lock);
	s->gathering = true;
	s->gather_until = until;
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
}

/* Begin a seal, if anybody waits for one that nothing else will begin. */
static void begin_next(struct saver *s)
{
	if (s->rescue != NULL && !s->state.busy)
		begin_rescue(s);
	if (s->next != NULL && !s->state.busy && !s->is_gathering)
		begin(s);
}

/* Take in what a look has found. */
static void finish_look(struct saver *s)
{
	if (s->job.is_so)
		tell(&s->waiting, s->job.err);
	else if (s->stop)
		tell(&s->waiting, -EIO);
	else
		begin_seal(s, s->job.salt);
}

/* Take in a finished seal. */
static void finish_job(struct saver *s)
{
	const int err = s->job.err;
	size_t told = s->waiting_count;

	s->state.busy = false;
	if (s->job.look != SEALING_DO) {
		finish_look(s);
		return;
	}
	if (s->job.aside == NULL)
		note_job(s, &s->job);
	snapshot_release(&s->job.snapshot);
	tell(&s->waiting, err);
	/* They may have begun the next one. */
	if (err != 0 || s->state.busy || s->job.aside != NULL)
		return;
	/* Those who asked for what was being sealed have it, too. */
	if (!is_dirty(s)) {
		told += s->next_count;
		s->next_count = 0;
		tell(&s->next, 0);
	}
	if (!s->state.busy && told > 0 && told + s->next_count > 1 &&
	    s->next_salt != VAULT_FRESH)
		gather(s, told + s->next_count);
}

void saver_collect(struct saver *s)
{
	uint64_t count;
	bool done, over;

	(void)!read(s->event, &count, sizeof(count));
	(void)pthread_mutex_lock(&s->lock);
	done = s->job_done;
	over = s->gather_over;
	s->job_done = s->gather_over = false;
	(void)pthread_mutex_unlock(&s->lock);
	if (over)
		s->is_gathering = false;
	if (done)
		finish_job(s);
	begin_next(s);
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

int saver_rescue(struct saver *s, const struct sealing_place *place,
		 saver_fn *fn, void *ctx)
{
	struct waiter *w = malloc(sizeof(*w));

	if (w == NULL)
		return -ENOMEM;
	*w = (struct waiter){s->rescue, fn, ctx};
	s->rescue = w;
	s->place = place;
	if (!s->state.busy)
		begin_rescue(s);
	return 0;
}

struct saver_state saver_state(const struct saver *s)
{
	struct saver_state state = s->state;
	struct timespec now;

	state.dirty = is_dirty(s);
	state.beside = is_beside(s);
	/* The job is the sealing thread's, but what it is for is settled. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (state.busy)
		state.disk_ms = (uint64_t)ns_between(&s->begun, &now) / 1000000;
	state.busy = state.busy && s->job.look == SEALING_DO;
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
	stack_thread_join(&s->thread);
	cold_last_resort(NULL, NULL);
	tell(&s->next, -EIO);
	tell(&s->rescue, -EIO);
	saver_collect(s);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_cond_destroy(&s->wake);
	(void)close(s->event);
	free(s);
}

void saver_abandon(struct saver *s)
{
	if (s == NULL)
		return;
	/* It must not be halted with the lock of what is wiped then. */
	mem_shut();
	stack_thread_halt(&s->thread);
}
