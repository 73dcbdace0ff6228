/* SPDX-License-Identifier: MIT */
#ifndef TZ_SAVER_H
#define TZ_SAVER_H

/*
 * Group commit.  The serving thread asks for saves and goes on serving; one
 * thread of the saver's own compresses, encrypts and writes a snapshot.
 * Everybody who asks while a seal is under way shares the next one, which
 * begins after all of them asked.  When many were told at once, the next seal
 * waits a moment for them to come back.
 *
 * All functions are called by one thread at a time, the user of the tree.
 */

#include "sealing.h"
#include "tree.h"

#include <stdbool.h>
#include <stdint.h>

struct saver;

/* Told once what became of a save: err is 0 or -errno. */
typedef void saver_fn(void *ctx, int err);

/* How things stand. */
struct saver_state {
	bool dirty;	  /* the tree has changes that no seal holds */
	bool busy;	  /* a seal is under way */
	uint64_t disk_ms; /* since that, or a look at the disk, has begun */
	int error;	  /* of the last seal: 0 or -errno */
	bool beside;	  /* but all there is is kept beside the file that was
			     put in our place */
	uint64_t saves;	  /* seals that succeeded */
	uint64_t skipped; /* sockets and devices, in the last snapshot */
	uint64_t sealed_bytes;	   /* size of the last sealed vault */
	struct seal_params params; /* of the last sealed vault */
};

/* What a saver brings together; it borrows all until saver_stop(). */
struct saver_parts {
	struct sealing sealing;
	struct tree *tree;
	/*
	 * Called when all there is is durable, before those who wait for it are
	 * told; or NULL.
	 */
	void (*settled)(void *ctx);
	void *ctx;
};

/*
 * Start a saver for a tree that is just as the sealed vault is.  The caller
 * stops *ret.  0, -ENOMEM, or the -errno of eventfd(2) or pthread_create(3).
 */
int saver_start(struct saver **ret, const struct saver_parts *parts);

/* A descriptor that can be read when saver_collect() has something to do. */
int saver_fd(const struct saver *s);

/*
 * Have all changes up to now sealed, and fn told when they are durable.  If
 * nothing has changed, the sealing thread sees whether the vault is still in
 * its place, and no more.  0, or -ENOMEM, and then fn will not be called.
 */
int saver_request(struct saver *s, enum vault_salt salt, saver_fn *fn,
		  void *ctx);

/* Take in a finished seal: tell those who wait, and begin the next. */
void saver_collect(struct saver *s);

/*
 * Save and wait for it, for use when nobody is served any more.  Returns the
 * error of the last seal.
 */
int saver_flush(struct saver *s);

/*
 * Seal all there is into a file somewhere else, for when the vault cannot be
 * saved and the mount has to end, and tell fn.  place must live until then;
 * the sealing thread opens it, under no lock.  0, or -ENOMEM, and then fn will
 * not be called.
 */
int saver_rescue(struct saver *s, const struct sealing_place *place,
		 saver_fn *fn, void *ctx);

struct saver_state saver_state(const struct saver *s);

/* Wait for a seal under way, end the thread, release s.  NULL is a no-op. */
void saver_stop(struct saver *s);

/*
 * For when the process is about to end without waiting for a disk: stop the
 * sealing thread wherever it is, as a kill would (stack_thread_halt()), after
 * mem_shut().  What is left to do is mem_wipe_all() and _exit(2).  NULL is a
 * no-op.
 */
void saver_abandon(struct saver *s);

#endif
