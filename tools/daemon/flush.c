/* SPDX-License-Identifier: MIT */
#include "flush.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

struct flush {
	struct loop *loop;
	char *dir;
	dev_t dev;
	flush_fn *fn;
	void *ctx;
	int event;
	int err;
	pthread_t thread;
};

static void *run(void *ctx)
{
	const uint64_t one = 1;
	struct flush *f = ctx;
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	/* Of something else that is mounted there nothing is wanted. */
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == f->dev &&
	    syncfs(fd) != 0)
		f->err = -errno;
	if (fd >= 0)
		(void)close(fd);
	(void)!write(f->event, &one, sizeof(one));
	return NULL;
}

static void release(struct flush *f)
{
	if (f->event >= 0)
		(void)close(f->event);
	free(f->dir);
	free(f);
}

static void on_done(void *ctx, int fd)
{
	struct flush *f = ctx;

	(void)pthread_join(f->thread, NULL);
	loop_remove(f->loop, fd);
	f->fn(f->ctx, f->err);
	release(f);
}

/* False: nothing has been begun, for the reason f->err. */
static bool begin(struct flush *f)
{
	int err;

	f->err = -ENOMEM;
	if (f->dir == NULL)
		return false;
	f->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->event < 0) {
		f->err = -errno;
		return false;
	}
	f->err = loop_add(f->loop, f->event, on_done, f);
	if (f->err != 0)
		return false;
	/* It sees no plaintext, and must not fail for want of a locked stack.
	 */
	err = -pthread_create(&f->thread, NULL, run, f);
	if (err == 0)
		return true; /* what comes of it is the thread's to say */
	f->err = err;
	loop_remove(f->loop, f->event);
	return false;
}

void flush_start(struct loop *loop, const char *dir, dev_t dev, flush_fn *fn,
		 void *ctx)
{
	struct flush *f = calloc(1, sizeof(*f));
	int err;

	if (f == NULL) {
		fn(ctx, -ENOMEM);
		return;
	}
	*f = (struct flush){.loop = loop,
			    .dir = strdup(dir),
			    .dev = dev,
			    .fn = fn,
			    .ctx = ctx,
			    .event = -1};
	if (begin(f))
		return;
	err = f->err;
	release(f);
	fn(ctx, err);
}
