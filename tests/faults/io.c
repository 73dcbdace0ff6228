/* SPDX-License-Identifier: MIT */
#include "io_impl.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS = 1024 };

static struct {
	enum io_mode mode;
	const char *folder;
	size_t folder_len;
	struct io_fault fault;
	struct io_log *log;
	io_watch_fn *watch;
	atomic_uint count, faults;
	const char *failed;
	int failed_err;
	bool ours[FDS]; /* descriptors of the folder and what is in it */
	/* io_break() */
	enum io_what broken;
	unsigned broken_in; /* 0: none */
	int broken_err;
} io;

void io_start(const char *folder, const struct io_fault *fault,
	      struct io_log *log)
{
	memset(&io, 0, sizeof(io));
	io.folder = folder;
	io.folder_len = strlen(folder);
	if (fault != NULL)
		io.fault = *fault;
	io.log = log;
	io.mode = IO_ON;
}

void io_watch(io_watch_fn *fn)
{
	io.watch = fn;
}

void io_break(enum io_what what, unsigned nth, int err)
{
	io.broken = what;
	io.broken_in = nth;
	io.broken_err = err;
}

enum io_mode io_mode(enum io_mode mode)
{
	enum io_mode before = io.mode;

	io.mode = mode;
	return before;
}

unsigned io_faults(void)
{
	return atomic_load(&io.faults);
}

const char *io_failed(int *err)
{
	*err = io.failed_err;
	return io.failed;
}

void io_real(void *ret, const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (f == NULL) {
		(void)fprintf(stderr, "# no %s in the C library\n", name);
		abort();
	}
	memcpy(ret, &f, sizeof(f));
}

static bool is_ours(int fd)
{
	return fd >= 0 && fd < FDS && io.ours[fd];
}

/* Is path, which is relative to fd, in the folder? */
static bool is_path_ours(int fd, const char *path)
{
	if (path[0] != '/')
		return is_ours(fd);
	return strncmp(path, io.folder, io.folder_len) == 0 &&
	       (path[io.folder_len] == '/' || path[io.folder_len] == '\0');
}

static bool concerns_folder(const struct io_call *c)
{
	if (c->path != NULL ? is_path_ours(c->fd, c->path) : is_ours(c->fd))
		return true;
	return c->other != NULL && is_path_ours(c->other_fd, c->other);
}

/* Is that to happen to this call? */
static bool is_due(const struct io_call *c, enum io_fault_kind kind)
{
	return c->index > 0 && c->index == io.fault.at && io.fault.kind == kind;
}

static void die(void)
{
	(void)syscall(SYS_kill, getpid(), SIGKILL);
}

static void tell(const struct io_call *c)
{
	if (io.watch != NULL && c->what != IO_LOOK && c->what != IO_READ)
		io.watch(c);
}

/* Some of what is written went out before it failed. */
static void write_some(const struct io_call *c)
{
	struct io_call some = *c;
	size_t len = c->len / 3;

	if (some.off < 0)
		some.off = syscall(SYS_lseek, c->fd, 0, SEEK_CUR);
	if (len == 0 || some.off < 0)
		return;
	some.result =
		c->off < 0 ? syscall(SYS_write, c->fd, c->data, len)
			   : syscall(SYS_pwrite64, c->fd, c->data, len, c->off);
	tell(&some);
}

/* What happens in spite of the failure. */
static void fail(struct io_call *c, int err)
{
	atomic_fetch_add(&io.faults, 1);
	io.failed = c->name;
	io.failed_err = err;
	c->result = -1;
	if (c->what == IO_CLOSE) {
		/* Linux closes in any case. */
		(void)io_leave(c, syscall(SYS_close, c->fd));
	} else if (c->what == IO_WRITE && err != EINTR) {
		write_some(c);
	} else if ((c->what == IO_SYNC || c->what == IO_SYNC_ALL) &&
		   err != EINTR) {
		tell(c);
	}
	if (is_due(c, IO_KILL_AFTER))
		die();
	errno = err;
}

/* Has somebody asked for this one to fail? */
static bool is_broken(const struct io_call *c)
{
	return io.broken_in > 0 && c->what == io.broken && --io.broken_in == 0;
}

bool io_enter(struct io_call *c)
{
	c->ours = io.mode != IO_OFF && concerns_folder(c);
	if (!c->ours || io.mode != IO_ON)
		return true;
	c->index = atomic_fetch_add(&io.count, 1) + 1;
	if (io.log != NULL && c->index < IO_CALLS_MAX) {
		io.log->count = c->index;
		io.log->names[c->index] = c->name;
		io.log->what[c->index] = c->what;
	}
	if (is_due(c, IO_KILL_BEFORE))
		die();
	if (is_due(c, IO_SHORT))
		c->len = (c->len + 1) / 2;
	if (is_due(c, IO_ERROR))
		fail(c, io.fault.err);
	else if (is_broken(c))
		fail(c, io.broken_err);
	else
		return true;
	return false;
}

/* Which descriptors belong to the folder. */
static void note_descriptors(const struct io_call *c)
{
	if (c->what == IO_OPEN && c->result >= 0 && c->result < FDS)
		io.ours[c->result] = true;
	if (c->what == IO_CLOSE && c->fd >= 0 && c->fd < FDS)
		io.ours[c->fd] = false;
}

long io_leave(struct io_call *c, long result)
{
	int err = errno;

	if (!c->ours)
		return result;
	c->result = result;
	if (result >= 0)
		tell(c);
	note_descriptors(c);
	if (is_due(c, IO_KILL_AFTER))
		die();
	errno = err;
	return result;
}
