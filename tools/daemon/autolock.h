/* SPDX-License-Identifier: MIT */
#ifndef TZ_AUTOLOCK_H
#define TZ_AUTOLOCK_H

/*
 * When a vault is to lock itself.  This decides, and knows neither clocks nor
 * mounts: whoever calls it has both.
 *
 * Use that the kernel answers from its caches is not seen.  So whenever some
 * has been seen, the caches are dropped, and the next use is seen as well. This
 * is done eight times in the time after which an unused vault locks; so it
 * locks after that time at the earliest, and a quarter more at the latest.
 *
 * Clocks are in milliseconds: one that counts the time of a suspend, as
 * CLOCK_BOOTTIME, and one that does not, as CLOCK_MONOTONIC.
 */

#include <stdbool.h>
#include <stdint.h>

enum {
	AUTOLOCK_NOTICE_MS = 60000, /* how long before it is told */
	AUTOLOCK_RETRY_MS = 60000,  /* after a lock that did not come about */
	AUTOLOCK_LEASE_MS = 60000,  /* how long the first lease may take */
};

struct autolock_time {
	uint64_t boot_ms, running_ms;
};

struct autolock {
	uint64_t idle_ms; /* 0: use does not count */
	uint64_t ttl_at;  /* boot_ms; 0: for ever */
	uint64_t ttl_ms;
	uint64_t lease_at;	   /* 0: a lease has come, or none has to */
	uint64_t used_at;	   /* the last time that it may have been */
	uint64_t uses;		   /* that have been seen */
	struct autolock_time seen; /* when that was looked at */
	bool idle_told, ttl_told;
};

enum autolock_reason {
	AUTOLOCK_NOTHING,
	AUTOLOCK_IDLE,	/* not used for idle_ms */
	AUTOLOCK_TTL,	/* unlocked for ttl_ms */
	AUTOLOCK_LEASE, /* no lease has come */
};

/* What is to be done now. */
struct autolock_step {
	enum autolock_reason lock;
	enum autolock_reason notice; /* of a lock that is to come ... */
	uint64_t left_ms;	     /* ... in this time */
	bool drop;	  /* the kernel's caches, then autolock_dropped() */
	uint64_t next_ms; /* until the next step, 0: there is none */
};

/* Start now.  0 for idle_ms or ttl_ms means never. */
void autolock_init(struct autolock *a, uint64_t idle_ms, uint64_t ttl_ms,
		   const struct autolock_time *now);

/* It is to lock unless a lease comes within AUTOLOCK_LEASE_MS; or one has. */
void autolock_await_lease(struct autolock *a, const struct autolock_time *now);
void autolock_leased(struct autolock *a);

/*
 * Look at what there is to do, with how often the vault has been used so far.
 * A lock that did not come about is due again after a while.
 */
struct autolock_step autolock_step(struct autolock *a,
				   const struct autolock_time *now,
				   uint64_t uses);

/* The caches that step wanted dropped have been, by now. */
void autolock_dropped(struct autolock *a, const struct autolock_time *now);

/* They could not be: there may be more use than has been seen. */
void autolock_not_dropped(struct autolock *a);

/* Milliseconds until it locks for that reason; 0 if it does not, or now. */
uint64_t autolock_left(const struct autolock *a, enum autolock_reason reason,
		       const struct autolock_time *now);

#endif
