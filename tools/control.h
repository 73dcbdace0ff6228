/* SPDX-License-Identifier: MIT */
#ifndef TZ_CONTROL_H
#define TZ_CONTROL_H

/*
 * The control socket of a mount: a Unix stream socket, named after the mount's
 * device number, in a folder that only its owner can enter.  docs/CONTROL.md
 * has the protocol.  Only the same user and root are answered.
 */

#include "fs/loop.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Somebody who asked and waits for control_reply(). */
struct control_request;

/* What a daemon does when asked. */
struct control_ops {
	/* Write "key=value" lines to out. */
	void (*status)(void *ctx, FILE *out);
	/* Begin; control_reply() is owed. */
	void (*save)(void *ctx, struct control_request *r);
	void (*lock)(void *ctx, struct control_request *r);
	void *ctx;
};

struct control;

/*
 * Make what control_start() is to listen with; after that, no other socket is
 * needed.  The caller ends *ret.  0, -ENOMEM, or the -errno of socket(2).
 */
int control_new(struct control **ret);

/*
 * Listen, as the effective user, for the mount with device number dev.  0 or
 * -errno.
 */
int control_start(struct control *c, struct loop *loop, dev_t dev,
		  const struct control_ops *ops);

/* Answer with what became of it, 0 or -errno, and forget r. */
void control_reply(struct control_request *r, int err);

/*
 * The same for a lock that succeeded: the answer is given, and the connection
 * stays open until this process has gone.
 */
void control_reply_last(struct control_request *r);

/*
 * Listen no more and remove the socket; who has connected is still answered.
 * NULL, and one that never listened, are a no-op.
 */
void control_hide(struct control *c);

/* The same, and release c.  NULL is a no-op. */
void control_end(struct control *c);

/* Remove the socket of a daemon that has died, if it left one. */
void control_forget(uid_t owner, dev_t dev);

/* What the other side gets. */
struct control_answer {
	int err;    /* 0 or -errno */
	char *body; /* "key=value" lines; malloc'd */
	pid_t pid;  /* of who listens there; 0 if it is not in our sight */
};

/* More than any daemon says. */
enum { CONTROL_ANSWER_MAX = 64 << 10 };

/*
 * Take apart an answer that came as text, which is malloc'd and taken over.
 * 0 and *ret, or -ECONNRESET if it is none, or not whole.
 */
int control_parse(struct control_answer *ret, char *text);

/* The number of key in the lines of an answer's body, 0 if it has none. */
uint64_t control_number(const char *body, const char *key);

/* The text of key, cut off at len - 1 bytes; "" if there is none. */
void control_text(char *ret, size_t len, const char *body, const char *key);

/*
 * As control_ask(), but waiting for at most so many seconds, for ever if 0.
 */
int control_ask_for(struct control_answer *ret, uid_t owner, dev_t dev,
		    const char *word, unsigned seconds);

/*
 * Ask the daemon of owner's mount with device number dev for word ("status",
 * "save" or "lock"), and wait for the answer, for "status" at most five
 * seconds in all.  After a lock, the daemon has exited.  The caller frees
 * ret->body. 0, -ECONNREFUSED if no daemon listens, -ETIMEDOUT, -ECONNRESET if
 * it has gone without an answer or with one that is none, -EMSGSIZE for one
 * without end, or another -errno.
 */
int control_ask(struct control_answer *ret, uid_t owner, dev_t dev,
		const char *word);

#endif
