/* SPDX-License-Identifier: MIT */
/* Two whole trees side by side. */
#include "ops.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LINKS = 4000, CHUNK = 64 << 10, LIST = 512 << 10 };

/* Inodes that were met under another name. */
struct links {
	unsigned count;
	ino_t a[LINKS], b[LINKS];
};

/* Two folders that are being compared, and where they are. */
struct place {
	const struct report *report;
	struct links *links;
	int a, b;
	char path[PATH_ROOM];
};

/* All names in the folder dir, sorted; the length of them. */
static size_t names_of(int dir, uint8_t *buf)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t len = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name) + 1;

		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 || len + n > LIST)
			continue;
		memcpy(buf + len, e->d_name, n);
		len += n;
	}
	if (d != NULL)
		(void)closedir(d);
	sort_strings(buf, len);
	return len;
}

/*
 * The next place with data from off on, or -1.  Where holes are not told, it
 * is wherever an operation may have written.
 */
static off_t next_data(int fd, off_t off, bool blind)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (!blind)
		return lseek(fd, off, SEEK_DATA);
	for (unsigned i = 0; i < model_window_count; i++) {
		off_t start = model_windows[i], end = start + 2 * MAP_LEN;

		if (off < end && start < size && off < size)
			return off > start ? off : start;
	}
	return -1;
}

static bool chunk_differs(const struct report *r, const int fd[2], off_t at,
			  const char *name)
{
	static uint8_t a[CHUNK], b[CHUNK];
	ssize_t m = pread(fd[0], a, CHUNK, at), n = pread(fd[1], b, CHUNK, at);

	if (m != n)
		return differs(r, "%s: %zd bytes read at %jd, not %zd", name, n,
			       (intmax_t)at, m);
	for (ssize_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return differs(r, "%s: byte %jd is %d, not %d", name,
				       (intmax_t)at + i, b[i], a[i]);
	return false;
}

/* Contents, wherever either has data; and where they have it. */
static bool contents_differ(const struct report *r, const int fd[2],
			    const char *name)
{
	off_t at = 0;

	for (;;) {
		off_t a, b;

		a = next_data(fd[0], at, false);
		b = next_data(fd[1], at, r->blind);
		if (a != b && r->holes)
			return differs(r, "%s: data from %jd, not %jd", name,
				       (intmax_t)b, (intmax_t)a);
		if (a < 0 && b < 0)
			return false;
		at = a < 0 || (b >= 0 && b < a) ? b : a;
		if (chunk_differs(r, fd, at, name))
			return true;
		at += CHUNK;
	}
}

static bool fds_differ(const struct report *r, const int fd[2],
		       const char *name)
{
	off_t a = lseek(fd[0], 0, SEEK_CUR), b = lseek(fd[1], 0, SEEK_CUR);
	bool found;

	if (a != b)
		return differs(r, "%s: at %jd, not %jd", name, (intmax_t)b,
			       (intmax_t)a);
	/* What the kernel has not written back it cannot say all of. */
	(void)sync_file_range(fd[1], 0, 0,
			      SYNC_FILE_RANGE_WAIT_BEFORE |
				      SYNC_FILE_RANGE_WRITE |
				      SYNC_FILE_RANGE_WAIT_AFTER);
	found = contents_differ(r, fd, name);
	(void)lseek(fd[0], a, SEEK_SET);
	(void)lseek(fd[1], b, SEEK_SET);
	return found;
}

static bool file_differs(const struct place *p, const char *name)
{
	int fd[2] = {openat(p->a, name, O_RDONLY | O_CLOEXEC),
		     openat(p->b, name, O_RDONLY | O_CLOEXEC)};
	bool found = true;

	if (fd[0] < 0 || fd[1] < 0)
		(void)differs(p->report, "%s cannot be opened", p->path);
	else
		found = fds_differ(p->report, fd, p->path);
	(void)close(fd[0]);
	(void)close(fd[1]);
	return found;
}

static bool target_differs(const struct place *p, const char *name)
{
	char a[PATH_MAX] = "", b[PATH_MAX] = "";

	if (readlinkat(p->a, name, a, sizeof(a) - 1) < 0 ||
	    readlinkat(p->b, name, b, sizeof(b) - 1) < 0)
		return differs(p->report, "%s: no target", p->path);
	return strcmp(a, b) != 0 &&
	       differs(p->report, "%s -> %s, not %s", p->path, b, a);
}

/* Extended attributes of name in dir, with their values, as one text. */
static size_t xattrs_of(int dir, const char *name, uint8_t *buf, size_t room)
{
	static char list[1 << 16];
	ssize_t len, n;
	size_t all = 0;

	if (fchdir(dir) != 0)
		return 0;
	len = llistxattr(name, list, sizeof(list));
	if (len <= 0)
		return 0;
	sort_strings((uint8_t *)list, (size_t)len);
	for (char *x = list; x < list + len; x += strlen(x) + 1) {
		size_t size = strlen(x) + 1;

		if (all + size + (1 << 16) > room)
			break;
		memcpy(buf + all, x, size);
		all += size;
		n = lgetxattr(name, x, buf + all, 1 << 16);
		if (n > 0)
			all += (size_t)n;
	}
	return all;
}

static bool xattrs_differ(const struct place *p, const char *name)
{
	static uint8_t a[1 << 20], b[1 << 20];
	size_t m = xattrs_of(p->a, name, a, sizeof(a));
	size_t n = xattrs_of(p->b, name, b, sizeof(b));

	if (m == n && memcmp(a, b, m) == 0)
		return false;
	return differs(p->report,
		       "%s: %zu bytes of extended attributes, %zu on the other "
		       "side, or not the same",
		       p->path, n, m);
}

/* Names of one inode on one side are names of one inode on the other. */
static bool links_differ(const struct place *p, ino_t a, ino_t b)
{
	struct links *l = p->links;

	for (unsigned i = 0; i < l->count; i++)
		if (l->a[i] == a || l->b[i] == b)
			return (l->a[i] != a || l->b[i] != b) &&
			       differs(p->report, "%s: not the same link",
				       p->path);
	if (l->count < LINKS) {
		l->a[l->count] = a;
		l->b[l->count++] = b;
	}
	return false;
}

/* What the kernel remembers must be what the file system says. */
static bool is_stale(const struct place *p, int dir, const char *name)
{
	const int flags = AT_SYMLINK_NOFOLLOW;
	struct statx known = {0}, asked = {0};

	if (statx(dir, name, flags, STATX_BASIC_STATS, &known) != 0 ||
	    statx(dir, name, flags | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS,
		  &asked) != 0)
		return differs(p->report, "%s: no statx", p->path);
	if (!p->report->holes)
		known.stx_blocks = asked.stx_blocks;
	return memcmp(&known, &asked, sizeof(known)) != 0 &&
	       differs(p->report, "%s: the kernel's attributes are stale",
		       p->path);
}

static bool folder_differs(struct place *p);

static bool entry_differs(struct place *p, const char *name)
{
	struct place sub = *p;
	struct stat a, b;
	bool found;

	(void)snprintf(sub.path, sizeof(sub.path), "%.800s/%s", p->path, name);
	if (is_stale(&sub, p->b, name))
		return true;
	if (fstatat(p->a, name, &a, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fstatat(p->b, name, &b, AT_SYMLINK_NOFOLLOW) != 0)
		return differs(p->report, "%s: no stat", sub.path);
	if (stat_differs(p->report, &a, &b, sub.path) ||
	    links_differ(&sub, a.st_ino, b.st_ino) || xattrs_differ(&sub, name))
		return true;
	if (S_ISREG(a.st_mode))
		return file_differs(&sub, name);
	if (S_ISLNK(a.st_mode))
		return target_differs(&sub, name);
	if (!S_ISDIR(a.st_mode))
		return false;
	sub.a = openat(p->a, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sub.b = openat(p->b, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	found = folder_differs(&sub);
	(void)close(sub.a);
	(void)close(sub.b);
	return found;
}

static bool folder_differs(struct place *p)
{
	uint8_t *a = malloc(LIST), *b = malloc(LIST);
	bool found = false;
	size_t m, n;

	if (a == NULL || b == NULL)
		abort();
	m = names_of(p->a, a);
	n = names_of(p->b, b);
	if (m != n || memcmp(a, b, m) != 0)
		found = differs(p->report, "%s: other names", p->path);
	for (size_t at = 0; !found && at < m; at += strlen((char *)a + at) + 1)
		found = entry_differs(p, (char *)a + at);
	free(a);
	free(b);
	return found;
}

/* Also what has no name any more. */
static bool slots_differ(const struct report *r, const struct side *a,
			 const struct side *b)
{
	for (int i = 0; i < SLOTS; i++) {
		const int fd[2] = {a->fd[i], b->fd[i]};
		struct stat st;
		char name[16];

		(void)snprintf(name, sizeof(name), "fd%d", i);
		if (fstat(fd[0], &st) == 0 && S_ISREG(st.st_mode) &&
		    fds_differ(r, fd, name))
			return true;
	}
	return false;
}

bool tree_differs(const struct report *r, const struct side *a,
		  const struct side *b)
{
	static struct links links;
	struct place p = {.report = r,
			  .links = &links,
			  .a = a->top,
			  .b = b->top,
			  .path = "top"};

	links.count = 0;
	return folder_differs(&p) || slots_differ(r, a, b);
}

void tree_remove(int dir, const char *name)
{
	static uint8_t scratch[LIST];
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	size_t len;
	char *list;

	if (fd < 0) {
		(void)unlinkat(dir, name, 0);
		return;
	}
	len = names_of(fd, scratch);
	list = malloc(len + 1);
	if (list == NULL)
		abort();
	memcpy(list, scratch, len);
	for (size_t at = 0; at < len; at += strlen(list + at) + 1)
		tree_remove(fd, list + at);
	free(list);
	(void)close(fd);
	(void)unlinkat(dir, name, AT_REMOVEDIR);
}
