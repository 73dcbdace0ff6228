/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FAULTS_IO_H
#define TZ_TESTS_FAULTS_IO_H

/*
 * Between the code and the kernel: io.c defines the C library's calls on files
 * itself, so it sees all that concern one folder, in order.  It counts them,
 * makes one of them fail, ends the process at one, and tells a recorder.  Which
 * calls there are is not the tests' affair: whatever the code uses has to be
 * defined there (tests/faults.t).
 *
 * fsync(2) and its like do not wait for a disk here.  What a power cut leaves
 * is worked out by disk.c, and a killed process loses nothing that it wrote.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a call does to the folder. */
enum io_what {
	IO_LOOK, /* nothing that a power cut could take */
	IO_OPEN,
	IO_CLOSE,
	IO_READ, /* may be short */
	IO_WRITE,
	IO_GROW, /* to off + len at least */
	IO_SIZE, /* to len */
	IO_SYNC,
	IO_SYNC_ALL,
	IO_LINK,
	IO_RENAME,
	IO_UNLINK,
	IO_STRANGE, /* what disk.c has no model of */
};

struct io_call {
	const char *name; /* of the function */
	enum io_what what;
	int fd, other_fd; /* what it works on, or the folder of a path */
	const char *path, *other;
	int flags;
	const void *data; /* IO_WRITE */
	size_t len;
	off_t off;	/* IO_WRITE: -1 before, where it went after */
	bool ours;	/* it concerns the folder */
	unsigned index; /* from 1 on; 0: it is not counted */
	long result;	/* -1: it failed */
};

enum io_fault_kind {
	IO_NONE,
	IO_ERROR,
	IO_SHORT, /* half of what is asked for */
	IO_KILL_BEFORE,
	IO_KILL_AFTER,
};

/* What is to happen to the call of that index. */
struct io_fault {
	unsigned at;
	enum io_fault_kind kind;
	int err;
};

/* The names of the calls that were counted, if wanted. */
enum { IO_CALLS_MAX = 4096 };

struct io_log {
	unsigned count;
	const char *names[IO_CALLS_MAX];
	enum io_what what[IO_CALLS_MAX];
};

typedef void io_watch_fn(const struct io_call *c);

/* Begin to watch the folder at an absolute path, which outlives it. */
void io_start(const char *folder, const struct io_fault *fault,
	      struct io_log *log);

/* Have all that changes the folder told, after it was done. */
void io_watch(io_watch_fn *fn);

/* The nth call of that kind from now on fails with err, once. */
void io_break(enum io_what what, unsigned nth, int err);

/*
 * Leave the folder to the test: returns what it was.  IO_BY_OTHERS: calls are
 * recorded, but not counted, and none fails.
 */
enum io_mode { IO_OFF, IO_BY_OTHERS, IO_ON };
enum io_mode io_mode(enum io_mode mode);

/* How many calls were made to fail so far. */
unsigned io_faults(void);

/* The call that was made to fail last, and its errno: NULL if none was. */
const char *io_failed(int *err);

#endif
