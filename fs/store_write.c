/* SPDX-License-Identifier: MIT */
#include "inplace.h"
#include "store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FILE_MODE = 0600,
	BUFFER = 256 << 10, /* what one write(2) takes */
};

static int write_all(int fd, const uint8_t *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return store_failed();
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static void writing_free(struct writing *w)
{
	if (w->fd >= 0)
		(void)close(w->fd);
	if (w->again >= 0)
		(void)close(w->again);
	blob_free(&w->image.blob);
	mem_free(w->buf);
	free(w);
}

/* Make the temporary file, empty. */
static int open_temp(struct store *s)
{
	struct writing *w = s->out;

	/* The lock is ours, so a file that is there is a crash's. */
	if (unlinkat(s->dir, s->temp_name, 0) != 0 && errno != ENOENT)
		return store_failed();
	/* To be read, too, since a lock for readers will be taken of it. */
	w->fd = store_openat(s->dir, s->temp_name,
			     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
	return w->fd >= 0 ? 0 : store_failed();
}

int store_begin(struct store *s)
{
	int err = 0;

	if (!s->can_write)
		return -EROFS;
	store_abort(s);
	s->out = calloc(1, sizeof(*s->out));
	if (s->out == NULL)
		return -ENOMEM;
	s->out->fd = s->out->again = -1;
	if (s->is_in_place)
		return 0;
	s->out->buf = mem_alloc_in(MEM_PLAIN, BUFFER);
	err = s->out->buf != NULL ? open_temp(s) : -ENOMEM;
	if (err != 0)
		store_abort(s);
	return err;
}

static int drain(struct writing *w)
{
	int err = w->buf == NULL ? 0 : write_all(w->fd, w->buf, w->filled);

	w->filled = 0;
	return err;
}

static void note_edge(struct writing *w, const uint8_t *buf, size_t len)
{
	if (len < STORE_EDGE)
		memmove(w->edge, w->edge + len, STORE_EDGE - len);
	else
		buf += len - STORE_EDGE;
	len = len < STORE_EDGE ? len : STORE_EDGE;
	memcpy(w->edge + STORE_EDGE - len, buf, len);
}

static int take(void *ctx, const uint8_t *buf, size_t len)
{
	const struct store *s = ctx;
	struct writing *w = s->out;
	struct sink image;
	int err = 0;

	if (w == NULL)
		return -EBADF;
	if (w->buf == NULL) {
		image = blob_sink(&w->image);
		return image.write(image.ctx, buf, len);
	}
	note_edge(w, buf, len);
	while (err == 0 && len > 0) {
		size_t n = BUFFER - w->filled;

		if (n > len)
			n = len;
		memcpy(w->buf + w->filled, buf, n);
		w->filled += n;
		buf += n;
		len -= n;
		if (w->filled == BUFFER)
			err = drain(w);
	}
	return err;
}

struct sink store_sink(struct store *s)
{
	return (struct sink){take, s};
}

static ssize_t give_image(void *ctx, uint8_t *buf, size_t len)
{
	struct writing *w = ctx;
	size_t left = w->image.blob.len - w->given;

	len = len < left ? len : left;
	if (len > 0)
		memcpy(buf, w->image.blob.data + w->given, len);
	w->given += len;
	return (ssize_t)len;
}

static ssize_t give(void *ctx, uint8_t *buf, size_t len)
{
	const struct writing *w = ctx;
	ssize_t n;

	do
		n = read(w->again, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? store_failed() : n;
}

int store_reread(struct store *s, struct source *ret)
{
	struct writing *w = s->out;
	int err = drain(w);

	if (err != 0)
		return err;
	/* It is read back from the disk before the front is touched. */
	if (s->is_in_place) {
		w->given = 0;
		*ret = (struct source){give_image, w};
		return 0;
	}
	/* While it is read, the disk can already be at work. */
	(void)sync_file_range(w->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	w->again = store_openat(s->dir, s->temp_name, O_RDONLY | O_NOFOLLOW);
	if (w->again < 0)
		return store_failed();
	*ret = (struct source){give, w};
	return 0;
}

/* Give fd the owner of the old file, and a mode that is no wider than its. */
static int keep_owner(const struct store *s, int fd)
{
	struct stat old;

	if (fstatat(s->dir, s->name, &old, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : store_failed();
	/* Only root can give it away; for others it is theirs, as it should.
	 * EINVAL: a namespace of users has no name for the old owner. */
	if (fchown(fd, old.st_uid, old.st_gid) != 0 && errno != EPERM &&
	    errno != EINVAL)
		return store_failed();
	if (fchmod(fd, (old.st_mode & FILE_MODE) | S_IRUSR) != 0)
		return store_failed();
	return 0;
}

static int sync_fd(int fd)
{
	int err;

	do
		err = fsync(fd);
	while (err != 0 && errno == EINTR);
	return err == 0 ? 0 : store_failed();
}

/*
 * The temporary file is complete: make it durable.  It is known before it is in
 * place, so that nothing else is taken for it.
 */
static int settle(struct writing *w)
{
	int err = sync_fd(w->fd);

	if (err == 0 && fstat(w->fd, &w->st) != 0)
		err = store_failed();
	return err;
}

/* Make the temporary file complete and durable. */
static int complete(const struct store *s)
{
	struct writing *w = s->out;
	int err = drain(w);

	if (err == 0)
		err = keep_owner(s, w->fd);
	return err == 0 ? settle(w) : err;
}

/* The file is the one that was written: hold it, and remember it. */
static void take_over(struct store *s)
{
	struct writing *w = s->out;

	/* If that was its last name, closing it takes as long as a save. */
	store_tidy(s);
	s->old = s->file;
	s->file = w->fd;
	w->fd = -1;
	s->known = true;
	s->seen.st = w->st;
	memcpy(s->seen.edge, w->edge, sizeof(w->edge));
}

bool store_has_no_links(int error)
{
	enum { ENOTSUPP_OF_KERNEL = 524 }; /* which NFS lets through */

	return error == EPERM || error == EOPNOTSUPP || error == ENOSYS ||
	       error == EMLINK || error == ENOTSUPP_OF_KERNEL;
}

int store_settle(const struct store *s)
{
	int err = sync_fd(s->file);

	if (err == 0)
		err = sync_fd(s->dir);
	/* Some filesystems have nothing to sync. */
	return err == -EINVAL || err == -ENOTSUP || err == -EROFS ? 0 : err;
}

/*
 * Give the temporary file a name that nothing has: -EEXIST.  A link, since not
 * every filesystem knows RENAME_NOREPLACE; where there are none, we look.
 */
static int name_new(const struct store *s, const char *name)
{
	if (linkat(s->dir, s->temp_name, s->dir, name, 0) == 0) {
		(void)unlinkat(s->dir, s->temp_name, 0);
		return 0;
	}
	if (!store_has_no_links(errno))
		return store_failed();
	if (faccessat(s->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(s->dir, s->temp_name, s->dir, name) == 0
		       ? 0
		       : store_failed();
}

/* Put the temporary file, which is complete, in the file's place. */
static int replace(struct store *s)
{
	int err = store_lock_file(s->out->fd, false);

	if (err == 0 && s->is_new)
		err = name_new(s, s->name);
	else if (err == 0 &&
		 renameat(s->dir, s->temp_name, s->dir, s->name) != 0)
		err = store_failed();
	if (err != 0)
		return err;
	s->is_new = false;
	take_over(s);
	return sync_fd(s->dir);
}

static int overwrite(struct store *s)
{
	int err = inplace_replace(s->file, &s->out->image.blob);

	/* Its length may be another even after an error. */
	store_remember(s);
	return err;
}

int store_commit(struct store *s)
{
	int err;

	if (s->out == NULL)
		return -EBADF;
	err = s->is_in_place ? 0 : complete(s);
	if (err == 0) {
		err = store_check(s);
		if (err == -ESTALE)
			return err;
		/* What is gone is written anew. */
		err = err == -ENOENT && !s->is_in_place ? 0 : err;
	}
	if (err == 0)
		err = s->is_in_place ? overwrite(s) : replace(s);
	if (err == 0 && store_is_beside(s) &&
	    /* What was kept there is older than this. */
	    unlinkat(s->dir, s->beside_name, 0) == 0)
		s->beside = false;
	store_abort(s);
	return err;
}

/* What was to be written in place as a temporary file, complete. */
static int image_to_temp(struct store *s)
{
	struct writing *w = s->out;
	int err = open_temp(s);

	if (err == 0)
		err = write_all(w->fd, w->image.blob.data, w->image.blob.len);
	return err == 0 ? settle(w) : err;
}

bool store_is_beside(const struct store *s)
{
	struct stat st;

	return s->beside &&
	       fstatat(s->dir, s->beside_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       store_is_same(&st, &s->beside_seen);
}

int store_commit_beside(struct store *s)
{
	int err = 0;

	if (s->out == NULL)
		return -EBADF;
	if (s->is_in_place)
		err = image_to_temp(s);
	if (err == 0 && !store_is_beside(s))
		err = name_new(s, s->beside_name);
	else if (err == 0 &&
		 renameat(s->dir, s->temp_name, s->dir, s->beside_name) != 0)
		err = store_failed();
	if (err == 0) {
		s->beside = true;
		s->beside_seen = s->out->st;
		err = sync_fd(s->dir);
	}
	store_abort(s);
	return err;
}

void store_abort(struct store *s)
{
	if (s->out == NULL)
		return;
	/* What was put in its place has no such name any more. */
	if (s->out->fd >= 0)
		(void)unlinkat(s->dir, s->temp_name, 0);
	writing_free(s->out);
	s->out = NULL;
}

void store_tidy(struct store *s)
{
	if (s->old >= 0)
		(void)close(s->old);
	s->old = -1;
}

int store_save(struct store *s, const struct blob *b)
{
	int err = store_begin(s);

	if (err == 0)
		err = take(s, b->data, b->len);
	if (err == 0)
		err = store_commit(s);
	/* Nobody asks for it to be kept beside. */
	if (err != 0)
		store_abort(s);
	return err;
}
