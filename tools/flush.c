/* SPDX-License-Identifier: MIT */
#include "flush.h"

#include "crypto/stack.h"

#include <fcntl.h>
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
	struct stack_thread thread;
};

static void *run(void *ctx)
{
	const uint64_t one = 1;
	const struct flush *f = ctx;
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == f->dev)
		(void)syncfs(fd);
	if (fd >= 0)
		(void)close(fd);
	(void)!write(f->event, &one, sizeof(one));
	return NULL;
}

static void release(struct flush *f)
{
	if (f == NULL)
		return;
	if (f->event >= 0)
		(void)close(f->event);
	free(f->dir);
	free(f);
}

static void on_done(void *ctx, int fd)
{
	struct flush *f = ctx;

	stack_thread_join(&f->thread);
	loop_remove(f->loop, fd);
	f->fn(f->ctx);
	release(f);
}

void flush_start(struct loop *loop, const char *dir, dev_t dev, flush_fn *fn,
		 void *ctx)
{
	struct flush *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		fn(ctx);
		return;
	}
	*f = (struct flush){loop, strdup(dir), dev, fn, ctx, -1, {0}};
	f->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->dir != NULL && f->event >= 0 &&
	    loop_add(loop, f->event, on_done, f) == 0) {
		if (stack_thread_start(&f->thread, run, f) == 0)
			return;
		loop_remove(loop, f->event);
	}
	fn(ctx);
	release(f);
}
