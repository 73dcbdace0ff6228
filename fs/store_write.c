/* SPDX-License-Identifier: MIT */
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
	free(w->buf);
	free(w);
}

int store_begin(struct store *s)
{
	struct writing *w;
	int err;

	if (s->lock < 0)
		return -EROFS;
	store_abort(s);
	/* The lock is ours, so a file that is there is a crash's. */
	if (unlinkat(s->dir, s->temp_name, 0) != 0 && errno != ENOENT)
		return store_failed();
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->fd = w->again = -1;
	s->out = w;
	w->buf = malloc(BUFFER);
	if (w->buf == NULL) {
		store_abort(s);
		return -ENOMEM;
	}
	/* To be read, too, since a lock for readers will be taken of it. */
	w->fd = openat(s->dir, s->temp_name,
		       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       FILE_MODE);
	if (w->fd >= 0)
		return 0;
	err = store_failed();
	store_abort(s);
	return err;
}

static int drain(struct writing *w)
{
	int err = write_all(w->fd, w->buf, w->filled);

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
	int err = 0;

	if (w == NULL)
		return -EBADF;
	if (len == 0)
		return 0;
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
	/* While it is read, the disk can already be at work. */
	(void)sync_file_range(w->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	w->again =
		openat(s->dir, s->temp_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
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
	/* Only root can give it away; for others it is theirs, as it should. */
	if (fchown(fd, old.st_uid, old.st_gid) != 0 && errno != EPERM)
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

/* Make the temporary file complete and durable. */
static int complete(const struct store *s)
{
	struct writing *w = s->out;
	int err = drain(w);

	if (err == 0)
		err = keep_owner(s, w->fd);
	return err == 0 ? sync_fd(w->fd) : err;
}

/* The file is the one that was written: hold it, and remember it. */
static void take_over(struct store *s)
{
	struct writing *w = s->out;

	if (s->file >= 0)
		(void)close(s->file);
	s->file = w->fd;
	w->fd = -1;
	s->known = fstatat(s->dir, s->name, &s->seen, AT_SYMLINK_NOFOLLOW) == 0;
	memcpy(s->edge, w->edge, sizeof(s->edge));
	writing_free(w);
	s->out = NULL;
}

int store_commit(struct store *s)
{
	int err;

	if (s->out == NULL)
		return -EBADF;
	err = complete(s);
	if (err == 0) {
		err = store_check(s);
		if (err == -ESTALE)
			return err;
		err = err == -ENOENT ? 0 : err;
	}
	if (err == 0)
		err = store_lock_file(s->out->fd);
	if (err == 0 && renameat(s->dir, s->temp_name, s->dir, s->name) != 0)
		err = store_failed();
	if (err != 0) {
		store_abort(s);
		return err;
	}
	take_over(s);
	err = sync_fd(s->dir);
	/* What was kept there is older than this. */
	if (err == 0 && s->beside && unlinkat(s->dir, s->beside_name, 0) == 0)
		s->beside = false;
	return err;
}

int store_commit_beside(struct store *s)
{
	int err = 0;

	if (s->out == NULL)
		return -EBADF;
	if (renameat2(s->dir, s->temp_name, s->dir, s->beside_name,
		      s->beside ? 0 : RENAME_NOREPLACE) != 0)
		err = store_failed();
	if (err != 0) {
		store_abort(s);
		return err;
	}
	writing_free(s->out);
	s->out = NULL;
	s->beside = true;
	return sync_fd(s->dir);
}

void store_abort(struct store *s)
{
	if (s->out == NULL)
		return;
	writing_free(s->out);
	s->out = NULL;
	(void)unlinkat(s->dir, s->temp_name, 0);
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
