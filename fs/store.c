/* SPDX-License-Identifier: MIT */
#include "inplace.h"
#include "store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MODE = 0600 };

int store_failed(void)
{
	int err = errno;

	return err > 0 ? -err : -EIO;
}

int store_openat(int dir, const char *name, int flags)
{
	int fd;

	do
		fd = openat(dir, name, flags | O_CLOEXEC, FILE_MODE);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* name with a dot before it and suffix behind it; NULL if out of memory. */
static char *side_name(const char *name, const char *suffix)
{
	char *s;

	return asprintf(&s, ".%s%s", name, suffix) < 0 ? NULL : s;
}

void store_date(char text[static STORE_DATE_LEN + 1])
{
	const time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(text, STORE_DATE_LEN + 1, "%Y%m%dT%H%M%SZ", &tm) == 0)
		text[0] = '\0';
}

bool store_is_date(const char *text)
{
	static const char shape[] = "00000000T000000Z";

	for (size_t i = 0; i < sizeof(shape); i++) {
		const bool is_digit = text[i] >= '0' && text[i] <= '9';

		if (shape[i] == '0' ? !is_digit : text[i] != shape[i])
			return false;
	}
	return true;
}

/* What comes behind the name of a vault in that of a conflict copy. */
#define CONFLICT_DATE ".conflict-20261231T235959Z"

size_t store_stem(const struct store *s)
{
	const size_t most = NAME_MAX - (sizeof(CONFLICT_DATE) - 1);
	const size_t len = strlen(s->name);

	return len < most ? len : most;
}

/* The name of s's conflict copy; NULL if out of memory. */
static char *dated_name(const struct store *s)
{
	char date[STORE_DATE_LEN + 1], *name;

	store_date(date);
	return asprintf(&name, "%.*s.conflict-%s", (int)store_stem(s), s->name,
			date) < 0
		       ? NULL
		       : name;
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

/*
 * A store for the absolute path, which it takes over, in the folder that near
 * has open, if that is not NULL.  NULL: *err says why.
 */
static struct store *store_new(char *path, const struct store *near, int *err)
{
	struct store *s = path != NULL ? calloc(1, sizeof(*s)) : NULL;
	char *slash;

	*err = store_failed();
	if (s == NULL) {
		free(path);
		return NULL;
	}
	s->dir = s->lock = s->file = s->old = -1;
	s->path = path;
	slash = strrchr(path, '/');
	s->name = slash + 1;
	s->lock_name = side_name(s->name, ".lock");
	s->temp_name = side_name(s->name, ".new");
	s->beside_name = dated_name(s);
	*slash = '\0';
	if (s->lock_name == NULL || s->temp_name == NULL ||
	    s->beside_name == NULL)
		errno = ENOMEM;
	else if (near != NULL)
		s->dir = fcntl(near->dir, F_DUPFD_CLOEXEC, 0);
	else
		s->dir = store_openat(AT_FDCWD, slash == path ? "/" : path,
				      O_RDONLY | O_DIRECTORY);
	*err = store_failed();
	*slash = '/';
	if (s->dir >= 0)
		return s;
	store_close(s);
	return NULL;
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
	struct store *s = store_new(realpath(path, NULL), NULL, err);

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
	if (is_mount_point(s))
		err = -EBUSY;
	else if (faccessat(s->dir, ".", W_OK, AT_EACCESS) != 0)
		err = -EROFS;
	else
		err = store_take_lock(s);
	if (err == 0)
		err = store_take_file(s);
	if (err == 0)
		err = store_settle(s);
	s->can_write = err == 0;
	return hand_out(ret, s, err);
}

int store_open_in_place(struct store **ret, const char *path)
{
	struct stat st;
	int err;
	struct store *s = open_existing(path, &err);

	if (s == NULL)
		return err;
	s->is_in_place = true;
	err = store_take_file(s);
	/* Nobody would ever find what is written to a file without a name. */
	if (err == 0 && fstat(s->file, &st) == 0 && st.st_nlink == 0)
		err = -ESTALE;
	s->can_write = err == 0;
	return hand_out(ret, s, err);
}

/* Have s for a file that must not exist. */
static int create(struct store **ret, struct store *s, bool locked)
{
	int err = locked ? store_take_lock(s) : 0;

	if (err == 0 &&
	    faccessat(s->dir, s->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		err = -EEXIST;
	s->can_write = s->is_new = err == 0;
	return hand_out(ret, s, err);
}

int store_create(struct store **ret, const char *path)
{
	int err;
	struct store *s = store_new(resolve_new(path), NULL, &err);

	return s != NULL ? create(ret, s, true) : err;
}

int store_create_aside(struct store **ret, const char *path)
{
	int err;
	struct store *s = store_new(resolve_new(path), NULL, &err);

	return s != NULL ? create(ret, s, false) : err;
}

int store_create_near(struct store **ret, const struct store *s,
		      const char *suffix)
{
	int err;
	struct store *new;
	char *path;

	if (asprintf(&path, "%.*s%.*s%s", (int)(s->name - s->path), s->path,
		     (int)store_stem(s), s->name, suffix) < 0)
		return -ENOMEM;
	new = store_new(path, s, &err);
	return new != NULL ? create(ret, new, false) : err;
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

/* The last bytes of the file fd, of which st is said. */
static int read_edge(struct store_file *f, int fd)
{
	const size_t size = (size_t)f->st.st_size;
	size_t left = size < STORE_EDGE ? size : STORE_EDGE;

	memset(f->edge, 0, sizeof(f->edge));
	while (left > 0) {
		ssize_t n = pread(fd, f->edge + STORE_EDGE - left, left,
				  (off_t)(size - left));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return store_failed();
		if (n == 0)
			return -EIO; /* it shrank meanwhile */
		left -= (size_t)n;
	}
	return 0;
}

/* Leave the vault alone of what is in the file. */
static int find_vault(struct blob *b)
{
	struct inplace_found found;
	int err = inplace_find(&found, b);

	if (err != 0 || found.state == INPLACE_CLEAN)
		return err;
	memmove(b->data, b->data + found.off, found.len);
	b->len = found.len;
	return 0;
}

/* Memory for a file of len bytes.  Of small pages a large one needs many. */
static uint8_t *file_alloc(size_t len)
{
	const size_t huge = 2 << 20;
	uint8_t *p = blob_alloc(len);

	if (p != NULL && len >= 2 * huge)
		(void)madvise(p, len, MADV_HUGEPAGE);
	return p;
}

int store_read(struct blob *ret, struct store_file *f, const struct store *s,
	       const char *name, uint64_t limit)
{
	/* A journal takes up to three times what the vault does. */
	const uint64_t most =
		limit < UINT64_MAX / 4 ? limit * 3 + (16 << 10) : UINT64_MAX;
	struct blob b = {0};
	/* A FIFO by that name does not keep us waiting. */
	int fd = store_openat(s->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int err = 0;

	if (fd < 0)
		return store_failed();
	if (fstat(fd, &f->st) != 0)
		err = store_failed();
	else if (!S_ISREG(f->st.st_mode))
		err = -ENOTSUP;
	else if ((uint64_t)f->st.st_size > most)
		err = -EFBIG;
	if (err != 0)
		goto out;
	b.len = (size_t)f->st.st_size;
	b.data = file_alloc(b.len);
	err = b.data != NULL ? read_all(fd, b.data, b.len) : -ENOMEM;
	if (err == 0)
		err = read_edge(f, fd);
	if (err == 0)
		err = find_vault(&b);
	if (err == 0 && b.len > limit)
		err = -EFBIG;
	if (err != 0)
		goto out;
	*ret = b;
	b = (struct blob){0};
out:
	blob_free(&b);
	(void)close(fd);
	return err;
}

/* Does the file end as what was read or written last?  0 or -ESTALE. */
static int check_edge(const struct store *s)
{
	struct store_file now = {.st = s->seen.st};
	int fd = store_openat(s->dir, s->name, O_RDONLY | O_NOFOLLOW);
	int err;

	if (fd < 0)
		return store_failed();
	err = read_edge(&now, fd);
	if (err == 0 && memcmp(now.edge, s->seen.edge, sizeof(now.edge)) != 0)
		err = -ESTALE;
	(void)close(fd);
	return err;
}

int store_load(struct blob *ret, struct store *s, uint64_t limit)
{
	struct store_file f;
	int err = store_read(ret, &f, s, s->name, limit);

	if (err != 0)
		return err;
	s->seen = f;
	s->known = true;
	return 0;
}

void store_remember(struct store *s)
{
	struct store_file now;

	/* Else it stays the one that was known, and will not be overwritten. */
	if (fstat(s->file, &now.st) == 0 && read_edge(&now, s->file) == 0)
		s->seen = now;
}

int store_repair(struct store *s)
{
	int err;

	if (!s->is_in_place)
		return 0;
	err = inplace_heal(s->file);
	store_remember(s);
	return err;
}

bool store_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int store_check(const struct store *s)
{
	const struct stat *seen = &s->seen.st;
	struct stat st;

	if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return store_failed();
	/* A mount of a file whose name is gone, or another file's now. */
	if (s->is_in_place && st.st_nlink == 0)
		return -ESTALE;
	if (!s->known)
		return 0;
	if (store_is_same(&st, seen))
		return 0;
	/* It may have been copied, or touched: no two seals end alike. */
	if (S_ISREG(st.st_mode) && st.st_size == seen->st_size)
		return check_edge(s);
	return -ESTALE;
}

uint64_t store_size(const struct store *s)
{
	return s->known ? (uint64_t)s->seen.st.st_size : 0;
}

const char *store_path(const struct store *s)
{
	return s->path;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	store_abort(s);
	store_tidy(s);
	/* A vault that never came to be leaves nothing. */
	if (s->lock >= 0 &&
	    faccessat(s->dir, s->name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
	    errno == ENOENT)
		(void)unlinkat(s->dir, s->lock_name, 0);
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
