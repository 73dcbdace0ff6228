/* SPDX-License-Identifier: MIT */
#ifndef TZ_CONTROL_H
#define TZ_CONTROL_H

/*
 * The control socket of a mount: a Unix stream socket, named after the mount's
 * device number, in a folder that only its owner can enter.  docs/CONTROL.md
 * has the protocol.  Only the same user and root are answered.
 */

#include "fs/loop.h"

#include <stdbool.h>
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
	void (*discard)(void *ctx, struct control_request *r);
	/*
	 * Take over two descriptors: a process, and the terminal that it has or
	 * -1.  What they really are is still to be seen.  0 or -errno.
	 */
	int (*lease)(void *ctx, int process, int terminal);
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

/* Does it listen, or has it? */
bool control_is_started(const struct control *c);

/* Answer with what became of it, 0 or -errno, and forget r. */
void control_reply(struct control_request *r, int err);

/*
 * The same for a lock that succeeded: the answer is given, and the connection
 * stays open until this process has gone.
 */
void control_reply_last(struct control_request *r);

/*
 * The mount has gone, and its device number may soon be another's: listen on,
 * under the name that control_ask_gone() knows.  NULL is a no-op.
 */
void control_gone(struct control *c);

/*
 * Listen no more and remove the socket; who has asked is still answered.  NULL,
 * and one that never listened, are a no-op.
 */
void control_shut(struct control *c);

/* The same, hang up on who still waits, and release c. */
void control_end(struct control *c);

/*
 * Does a daemon listen for that mount?  It is not asked for anything, so one
 * that is stopped lets nobody wait for long, and counts.
 */
bool control_listens(uid_t owner, dev_t dev);

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

/* A request that is under way. */
struct control_call {
	int fd, peer;
	pid_t pid;  /* of who listens, or 0 */
	char *text; /* of the answer, so far */
	size_t len;
};

/*
 * Ask the daemon of owner's mount with device number dev for word ("status",
 * "save", "lock" or "discard").  The caller hangs up.  0, -ECONNREFUSED if no
 * daemon listens, -ETIMEDOUT if it does not take calls, or another -errno.
 */
int control_call(struct control_call *ret, uid_t owner, dev_t dev,
		 const char *word);

/*
 * The same, if its daemon is process pid: a device number may be another
 * mount's by now.  -ECONNREFUSED also if it is not.
 */
int control_call_daemon(struct control_call *ret, uid_t owner, dev_t dev,
			pid_t pid, const char *word);

/*
 * Wait for the answer, for at most so many seconds, for ever if 0.  After a
 * lock, the daemon has exited.  The caller frees ret->body.  0, -ETIMEDOUT, and
 * then one may wait again; -ECONNRESET if it has gone without an answer or with
 * one that is none, -EMSGSIZE for one without end, or another -errno.
 */
int control_wait(struct control_answer *ret, struct control_call *c,
		 unsigned seconds);

/* End a call; what was asked for goes on. */
void control_hang_up(struct control_call *c);

/* The three in one; the errors are those of both. */
int control_ask_for(struct control_answer *ret, uid_t owner, dev_t dev,
		    const char *word, unsigned seconds);

/* The same, waiting for "status" at most five seconds, else for ever. */
int control_ask(struct control_answer *ret, uid_t owner, dev_t dev,
		const char *word);

/*
 * Have the daemon of a mount keep it unlocked for as long as a process lives,
 * of which process is a pidfd, and write notices to terminal, which is open for
 * writing and -1 if there is none.  Both stay the caller's.  0, -EINVAL if that
 * is no pidfd, -EBUSY if there are too many leases, or what control_ask() says.
 */
int control_lease(uid_t owner, dev_t dev, int process, int terminal);

/*
 * As control_ask(), of a daemon of owner's whose mount has gone, at most five
 * seconds; and the pids of at most max such daemons.
 */
int control_ask_gone(struct control_answer *ret, uid_t owner, pid_t pid,
		     const char *word);
size_t control_list_gone(pid_t list[], size_t max, uid_t owner);

#endif
