/* SPDX-License-Identifier: MIT */
#include "fuse_ops.h"

#include "crypto/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

	fuse_patch_reply(&m->patch, m->request, iov, count);
	return writev(fd, iov, count);
}

static const struct fuse_custom_io io = {
	.read = io_read,
	.writev = io_writev,
};

/* One request per call, so that nobody else on the loop has to wait. */
static void on_request(void *ctx, int fd)
{
	struct mount *m = ctx;
	struct fuse_buf buf = {.mem = m->request};
	int n = fuse_session_receive_buf(m->session, &buf);

	if (n > 0) {
		fuse_session_process_buf(m->session, &buf);
		explicit_bzero(m->request, (size_t)n);
	}
	if (m->greeted && !m->ready) {
		m->ready = true;
		m->events.ready(m->events.ctx);
	}
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0 || fuse_session_exited(m->session)) {
		m->gone = true;
		loop_remove(m->parts.loop, fd);
		m->events.gone(m->events.ctx);
	}
}

static int add_options(struct fuse_args *args, const struct mount_options *o)
{
	char *list = NULL, *source = NULL;
	int err = -ENOMEM;

	if (asprintf(&source, "fsname=%s", o->source) < 0)
		return -ENOMEM;
	if (fuse_opt_add_opt(&list, "default_permissions") != 0 ||
	    fuse_opt_add_opt(&list, "nosuid,nodev,subtype=tazpodfs") != 0 ||
	    fuse_opt_add_opt(&list, o->read_only ? "ro" : "rw") != 0)
		goto out;
	if (o->fuse_options[0] != '\0' &&
	    fuse_opt_add_opt(&list, o->fuse_options) != 0)
		goto out;
	/* The path may have commas of its own. */
	if (fuse_opt_add_opt_escaped(&list, source) != 0)
		goto out;
	if (fuse_opt_add_arg(args, "tazpodfs") == 0 &&
	    fuse_opt_add_arg(args, "-o") == 0 &&
	    fuse_opt_add_arg(args, list) == 0)
		err = 0;
out:
	free(list);
	free(source);
	return err;
}

int mount_start(struct mount **ret, const char *dir,
		const struct mount_parts *parts,
		const struct mount_options *options,
		const struct mount_events *events)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct mount *m = mem_alloc(sizeof(*m));
	int err = m != NULL ? add_options(&args, options) : -ENOMEM, fd;

	if (err != 0)
		goto out;
	m->parts = *parts;
	m->events = *events;
	m->view = options->view;
	m->no_cache = options->no_cache;
	m->writeback = options->writeback;
	m->patch.allow_mmap = options->no_cache;
	m->request_size = FUSE_OPS_MAX_IO + REQUEST_HEADERS;
	m->request = mem_alloc(m->request_size);
	m->bounce = mem_alloc(FUSE_OPS_MAX_IO);
	err = -ENOMEM;
	if (m->request == NULL || m->bounce == NULL)
		goto out;
	err = -EINVAL;
	m->session = fuse_session_new(&args, &fuse_ops, sizeof(fuse_ops), m);
	if (m->session == NULL)
		goto out;
	err = -ENODEV;
	if (fuse_session_mount(m->session, dir) != 0)
		goto out;
	fd = fuse_session_fd(m->session);
	err = fuse_session_custom_io(m->session, &io, fd);
	if (err == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		err = -errno;
	if (err == 0)
		err = loop_add(parts->loop, fd, on_request, m);
	if (err != 0)
		goto out;
	*ret = m;
	m = NULL;
out:
	fuse_opt_free_args(&args);
	mount_end(m);
	return err;
}

void mount_freeze(struct mount *m, bool frozen)
{
	m->frozen = frozen;
}

void mount_end(struct mount *m)
{
	if (m == NULL)
		return;
	if (m->session != NULL) {
		if (!m->gone)
			loop_remove(m->parts.loop, fuse_session_fd(m->session));
		fuse_session_unmount(m->session);
		fuse_session_destroy(m->session);
	}
	mem_free(m->request);
	mem_free(m->bounce);
	mem_free(m);
}
