/* SPDX-License-Identifier: MIT */
#include "fuse_ops.h"

#include "crypto/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	/* Room for the headers of a request beside its data. */
	REQUEST_HEADERS = 4096,
};

/*
 * libfuse asks for as many bytes as its largest request could have (1 MiB);
 * ours are smaller, and so is their locked buffer.
 */
static ssize_t io_read(int fd, void *buf, size_t len, void *userdata)
{
	struct mount *m = userdata;

	return read(fd, buf, len < m->request_size ? len : m->request_size);
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct mount *m = userdata;
	size_t len = 0;
	ssize_t done;
	uint8_t *to;

	fuse_tell_changes(m);
	fuse_patch_reply(&m->patch, m->request, iov, count);
	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	if (len > FUSE_OPS_REPLY)
		return writev(fd, iov, count);
	/*
	 * A small one in one piece, since the kernel pins a page for each, and
	 * cannot pin those of secret memory.
	 */
	to = m->reply;
	for (int i = 0; i < count; i++)
		to = mempcpy(to, iov[i].iov_base, iov[i].iov_len);
	done = write(fd, m->reply, len);
	explicit_bzero(m->reply, len);
	return done;
}

static const struct fuse_custom_io io = {
	.read = io_read,
	.writev = io_writev,
};

/* The serving thread has news. */
static void on_event(void *ctx, int fd)
{
	struct mount *m = ctx;
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	if (m->greeted && !m->ready) {
		m->ready = true;
		m->events.ready(m->events.ctx);
	}
	if (m->gone && !m->gone_told) {
		m->gone_told = true;
		m->events.gone(m->events.ctx);
	}
}

char *mount_option_list(const struct mount_options *o)
{
	char *list = NULL, *source = NULL;
	bool done = false;

	if (asprintf(&source, "fsname=%s", o->source) < 0)
		return NULL;
	if (fuse_opt_add_opt(&list, "default_permissions") != 0 ||
	    fuse_opt_add_opt(&list, "nosuid,nodev,subtype=tazpodfs") != 0 ||
	    fuse_opt_add_opt(&list, o->read_only ? "ro" : "rw") != 0)
		goto out;
	if (o->fuse_options[0] != '\0' &&
	    fuse_opt_add_opt(&list, o->fuse_options) != 0)
		goto out;
	/* The path may have commas of its own. */
	done = fuse_opt_add_opt_escaped(&list, source) == 0;
out:
	free(source);
	if (done)
		return list;
	free(list);
	return NULL;
}

static int add_options(struct fuse_args *args, const struct mount_options *o)
{
	char *list = mount_option_list(o);
	int err = -ENOMEM;

	if (list != NULL && fuse_opt_add_arg(args, "tazpodfs") == 0 &&
	    fuse_opt_add_arg(args, "-o") == 0 &&
	    fuse_opt_add_arg(args, list) == 0)
		err = 0;
	free(list);
	return err;
}

static int watch(struct mount *m)
{
	m->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->event < 0)
		return -errno;
	return loop_add(m->parts.loop, m->event, on_event, m);
}

static struct mount *mount_of(struct backend *b)
{
	return (struct mount *)b;
}

static int serve(struct backend *b, struct saver *saver)
{
	struct mount *m = mount_of(b);

	m->parts.saver = saver;
	return fuse_serve_start(m);
}

static int freeze(struct backend *b, bool frozen)
{
	mount_of(b)->frozen = frozen;
	return 0;
}

static int drop(struct backend *b, backend_fn *fn, void *ctx)
{
	return fuse_scrub_drop(mount_of(b), fn, ctx);
}

static int refuse_all(struct backend *b, backend_fn *fn, void *ctx)
{
	struct mount *m = mount_of(b);

	m->revoked = true;
	return fuse_scrub_all(m, fn, ctx);
}

static uint64_t requests(const struct backend *b)
{
	return ((const struct mount *)b)->requests;
}

static uint64_t uses(const struct backend *b)
{
	return ((const struct mount *)b)->uses;
}

static void stop(struct backend *b)
{
	struct mount *m = mount_of(b);

	fuse_scrub_stop(m);
	fuse_serve_stop(m);
}

static bool is_connected(const struct backend *b)
{
	const struct mount *m = (const struct mount *)b;
	struct pollfd p = {.fd = fuse_session_fd(m->session)};

	return poll(&p, 1, 0) >= 0 && (p.revents & POLLERR) == 0;
}

static void end(struct backend *b)
{
	struct mount *m = mount_of(b);

	stop(b);
	if (m->event >= 0) {
		loop_remove(m->parts.loop, m->event);
		(void)close(m->event);
	}
	fuse_sync_stop(m);
	/* This ends the connection, or an unmount could wait for answers. */
	if (m->session != NULL)
		fuse_session_destroy(m->session);
	mem_free(m->request);
	mem_free(m->bounce);
	mem_free(m->reply);
	mem_free(m);
}

static const struct backend_ops ops = {
	.serve = serve,
	.freeze = freeze,
	.drop = drop,
	.revoke = refuse_all,
	.requests = requests,
	.uses = uses,
	.stop = stop,
	.is_connected = is_connected,
	.end = end,
};

int mount_new(struct mount **ret, const char *dir,
	      const struct mount_parts *parts,
	      const struct mount_options *options,
	      const struct backend_events *events)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct mount *m = mem_alloc(sizeof(*m));
	int err;

	if (m == NULL)
		return -ENOMEM;
	m->base.ops = &ops;
	m->event = m->interrupts = -1;
	err = add_options(&args, options);
	if (err != 0)
		goto out;
	m->parts = *parts;
	tree_allocate_ahead(parts->tree);
	m->events = *events;
	m->view = options->view;
	m->no_cache = options->no_cache;
	m->writeback = options->writeback;
	m->seal_on_close = options->seal_on_close;
	m->changes = tree_changes(parts->tree);
	m->patch.allow_mmap = options->no_cache;
	m->request_size = FUSE_OPS_MAX_IO + REQUEST_HEADERS;
	m->request = mem_alloc_in(MEM_BOUNCE, m->request_size);
	m->bounce = mem_alloc_in(MEM_BOUNCE, FUSE_OPS_MAX_IO);
	m->reply = mem_alloc_in(MEM_BOUNCE, FUSE_OPS_REPLY);
	err = -ENOMEM;
	if (m->request == NULL || m->bounce == NULL || m->reply == NULL)
		goto out;
	err = -EINVAL;
	m->session = fuse_session_new(&args, &fuse_ops, sizeof(fuse_ops), m);
	if (m->session == NULL)
		goto out;
	err = watch(m);
	if (err == 0)
		err = fuse_sync_start(m);
	if (err != 0)
		goto out;
	err = -ENODEV;
	if (fuse_session_mount(m->session, dir) != 0)
		goto out;
	err = fuse_session_custom_io(m->session, &io,
				     fuse_session_fd(m->session));
	if (err != 0)
		goto out;
	*ret = m;
	m = NULL;
out:
	fuse_opt_free_args(&args);
	if (m != NULL)
		end(&m->base);
	return err;
}

struct backend *mount_backend(struct mount *m)
{
	return &m->base;
}
