/* SPDX-License-Identifier: MIT */
#include "store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_MODE = 0600 };

int store_failed(void)
{
	int err = errno;

	return err > 0 ? -err : -EIO;
}

/* name with a dot before it and suffix behind it; NULL if out of memory. */
static char *side_name(const char *name, const char *suffix)
{
	char *s;

	return asprintf(&s, ".%s%s", name, suffix) < 0 ? NULL : s;
}

/* name with a word and the time behind it; NULL if out of memory. */
static char *dated_name(const char *name)
{
	const time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;
	char *s;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm);
	return asprintf(&s, "%s.conflict-%s", name, date) < 0 ? NULL : s;
}

/* The absolute path of a file that may not exist, in a folder that does. */
static char *resolve_new(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char *folder = slash == NULL
			       ? strdup(".")
			       : strndup(path, (size_t)(slash - path) + 1);
	char *real = folder != NULL ? realpath(folder, NULL) : NULL,
	     *full = NULL;

	if (real != NULL && name[0] == '\0')
		errno = EISDIR;
	else if (real != NULL &&
		 asprintf(&full, "%s/%s", real[1] == '\0' ? "" : real, name) <
			 0)
		full = NULL;
	free(folder);
	free(real);
	return full;
}

/* A store for the absolute path, which it takes over.  NULL: *err says why. */
static struct store *store_new(char *path, int *err)
{
	struct store *s = path != NULL ? calloc(1, sizeof(*s)) : NULL;
	char *slash;

	*err = store_failed();
	if (s == NULL) {
		free(path);
		return NULL;
	}
	s->dir = s->lock = s->file = -1;
	s->path = path;
	slash = strrchr(path, '/');
	s->name = slash + 1;
	s->lock_name = side_name(s->name, ".lock");
	s->temp_name = side_name(s->name, ".new");
	s->beside_name = dated_name(s->name);
	*slash = '\0';
	if (s->lock_name != NULL && s->temp_name != NULL &&
	    s->beside_name != NULL)
		s->dir = open(slash == path ? "/" : path,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*err = store_failed();
	*slash = '/';
	if (s->dir >= 0)
		return s;
	store_close(s);
	return NULL;
}

/* Take the lock, or say who cannot: -EAGAIN, -EROFS or another store_failed().
 */
static int take_lock(struct store *s)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	s->lock = openat(s->dir, s->lock_name,
			 O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, LOCK_MODE);
	if (s->lock < 0)
		return errno == EACCES || errno == EPERM ? -EROFS
							 : store_failed();
	if (fcntl(s->lock, F_OFD_SETLK, &whole) != 0)
		return errno == EACCES ? -EAGAIN : store_failed();
	return 0;
}

int store_lock_file(int fd)
{
	/* Of the same kind for all who replace it, whom the side file keeps
	 * apart; it shuts out who overwrites it. */
	struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return 0;
	/* A filesystem without such locks is no reason to refuse. */
	return errno == EAGAIN || errno == EACCES ? -EAGAIN : 0;
}

/* Lock the file, too. */
static int take_file(struct store *s)
{
	s->file = openat(s->dir, s->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return s->file >= 0 ? store_lock_file(s->file) : store_failed();
}

/* Can the file be replaced by a rename? */
static bool is_mount_point(const struct store *s)
{
	struct statx st;

	return statx(s->dir, s->name, AT_SYMLINK_NOFOLLOW, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int check_regular(const struct store *s)
{
	struct stat st;

	if (s->name[0] == '\0') /* "/" has no last component */
		return -EISDIR;
	if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return store_failed();
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) ? 0 : -ENOTSUP;
}

/* A store for a file that exists.  NULL: *err says why. */
static struct store *open_existing(const char *path, int *err)
{
	struct store *s = store_new(realpath(path, NULL), err);

	if (s == NULL)
		return NULL;
	*err = check_regular(s);
	if (*err == 0)
		return s;
	store_close(s);
	return NULL;
}

/* Hand out s, or close it if there was an error. */
static int hand_out(struct store **ret, struct store *s, int err)
{
	if (err == 0)
		*ret = s;
	else
		store_close(s);
	return err;
}

int store_open_readonly(struct store **ret, const char *path)
{
	int err;
	struct store *s = open_existing(path, &err);

	return hand_out(ret, s, err);
}

int store_open(struct store **ret, const char *path)
{
	int err;
	struct store *s = open_existing(path, &err);

	if (s == NULL)
		return err;
	if (is_mount_point(s) || faccessat(s->dir, ".", W_OK, AT_EACCESS) != 0)
		err = -EROFS;
	else
		err = take_lock(s);
	if (err == 0)
		err = take_file(s);
	return hand_out(ret, s, err);
}

int store_create(struct store **ret, const char *path)
{
	int err;
	struct store *s = store_new(resolve_new(path), &err);

	if (s == NULL)
		return err;
	err = take_lock(s);
	if (err == 0 &&
	    faccessat(s->dir, s->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		err = -EEXIST;
	return hand_out(ret, s, err);
}

static int read_all(int fd, uint8_t *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return store_failed();
		if (n == 0)
			return -EIO; /* it shrank meanwhile */
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

int store_read(struct blob *ret, struct stat *st, const struct store *s,
	       const char *name, uint64_t limit)
{
	struct blob b = {0};
	int fd = openat(s->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return store_failed();
	if (fstat(fd, st) != 0) {
		err = store_failed();
		goto out;
	}
	if ((uint64_t)st->st_size > limit) {
		err = -EFBIG;
		goto out;
	}
	b.len = (size_t)st->st_size;
	b.data = malloc(b.len + 1); /* not of 0 bytes */
	if (b.data == NULL) {
		err = -ENOMEM;
		goto out;
	}
	err = read_all(fd, b.data, b.len);
	if (err != 0)
		goto out;
	*ret = b;
	b = (struct blob){0};
out:
	blob_free(&b);
	(void)close(fd);
	return err;
}

static void remember_edge(struct store *s, const struct blob *b)
{
	size_t len = b->len < STORE_EDGE ? b->len : STORE_EDGE;

	memset(s->edge, 0, sizeof(s->edge));
	if (len > 0)
		memcpy(s->edge, b->data + b->len - len, len);
}

/* Does the file end as what was read or written last? */
static bool has_edge(const struct store *s)
{
	uint8_t edge[STORE_EDGE] = {0};
	const size_t size = (size_t)s->seen.st_size;
	size_t len = size < STORE_EDGE ? size : STORE_EDGE;
	int fd = openat(s->dir, s->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool same;

	if (fd < 0)
		return false;
	same = pread(fd, edge, len, (off_t)(size - len)) == (ssize_t)len &&
	       memcmp(edge, s->edge, sizeof(edge)) == 0;
	(void)close(fd);
	return same;
}

int store_load(struct blob *ret, struct store *s, uint64_t limit)
{
	struct stat st;
	int err = store_read(ret, &st, s, s->name, limit);

	if (err != 0)
		return err;
	s->seen = st;
	s->known = true;
	remember_edge(s, ret);
	return 0;
}

int store_check(const struct store *s)
{
	struct stat st;

	if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return store_failed();
	if (!s->known)
		return 0;
	if (st.st_dev == s->seen.st_dev && st.st_ino == s->seen.st_ino &&
	    st.st_size == s->seen.st_size &&
	    st.st_mtim.tv_sec == s->seen.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == s->seen.st_mtim.tv_nsec)
		return 0;
	/* It may have been copied, or touched: no two seals end alike. */
	if (S_ISREG(st.st_mode) && st.st_size == s->seen.st_size && has_edge(s))
		return 0;
	return -ESTALE;
}

uint64_t store_size(const struct store *s)
{
	return s->known ? (uint64_t)s->seen.st_size : 0;
}

const char *store_path(const struct store *s)
{
	return s->path;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	/* A vault that never came to be leaves nothing. */
	if (s->lock >= 0 &&
	    faccessat(s->dir, s->name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
	    errno == ENOENT)
		(void)unlinkat(s->dir, s->lock_name, 0);
	store_abort(s);
	if (s->dir >= 0)
		(void)close(s->dir);
	if (s->file >= 0)
		(void)close(s->file);
	if (s->lock >= 0)
		(void)close(s->lock);
	free(s->path);
	free(s->lock_name);
	free(s->temp_name);
	free(s->beside_name);
	free(s);
}
