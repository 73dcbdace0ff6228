/* SPDX-License-Identifier: MIT */
#include "tar.h"
#include "tar_acl.h"
#include "tar_bounds.h"
#include "tar_dates.h"
#include "tar_path.h"
#include "tar_xattr.h"
#include "utf8.h"

#include "crypto/mem.h"
#include "crypto/secret.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	READ_BLOCK = 256 << 10,
};

struct loader {
	struct tree *tree;
	struct tar_report *report;
	struct source from;
	int source_error; /* of from, or 0 */
	struct tar_bounds bounds;
	uint8_t *block; /* READ_BLOCK bytes */
	struct tar_dates dates;
};

/* Note what is wrong with the entry called path, and refuse it. */
__attribute__((format(printf, 3, 4))) static int refuse(struct loader *l,
							const char *path,
							const char *format, ...)
{
	char *out = l->report->problem;
	size_t size = sizeof(l->report->problem);
	va_list args;
	int n = snprintf(out, size, "entry '%.200s' ", path);

	va_start(args, format);
	(void)vsnprintf(out + n, size - (size_t)n, format, args);
	va_end(args);
	for (; *out != '\0'; out++)
		if (*out < ' ' || *out > '~')
			*out = '?';
	return -EBADMSG;
}

/* Is path one that may be in a vault?  0 or -EBADMSG. */
static int check_path(struct loader *l, const char *path)
{
	const char *why = tar_path_check(path);

	return why == NULL ? 0 : refuse(l, path, "%s", why);
}

static const struct tree_birth plain_folder = {
	.attr = {.mode = S_IFDIR | 0700},
	.is_loaded = true,
};

/*
 * Walk to the folder that holds the last component of path, making folders
 * that are missing, and leave that component in name: "" if path is the root.
 */
static int find_place(struct loader *l, const char *path, struct node **ret,
		      char name[DIR_NAME_MAX + 1])
{
	struct node *dir = tree_node(l->tree, TREE_ROOT), *next;
	const char *p = path;
	char part[DIR_NAME_MAX + 1];
	int err;

	name[0] = '\0';
	while (*p != '\0') {
		(void)tar_path_next(&p, part);
		p += *p == '/';
		if (strcmp(part, ".") == 0)
			continue;
		if (name[0] != '\0') {
			err = tree_lookup(&next, l->tree, dir, name);
			if (err == -ENOENT)
				err = tree_create(&next, l->tree, dir, name,
						  &plain_folder);
			if (err != 0)
				return err;
			if (!S_ISDIR(next->attr.mode))
				return refuse(l, path, "lies in a non-folder");
			dir = next;
		}
		memcpy(name, part, sizeof(part));
	}
	*ret = dir;
	return 0;
}

/* The node that path names, for a hard link; no folder is made for it. */
static int find_node(struct loader *l, const char *path, struct node **ret)
{
	struct node *n = tree_node(l->tree, TREE_ROOT);
	char part[DIR_NAME_MAX + 1];
	int err = check_path(l, path);

	while (err == 0 && *path != '\0') {
		(void)tar_path_next(&path, part);
		path += *path == '/';
		if (strcmp(part, ".") != 0)
			err = tree_lookup(&n, l->tree, n, part);
	}
	*ret = n;
	return err;
}

/*
 * Write one extent's part of a file, without the zeros at its end: they may
 * be there for the archive's blocks alone.
 */
static int load_piece(struct loader *l, struct node *n, uint64_t off,
		      const uint8_t *p, size_t len)
{
	while (len > 0 && p[len - 1] == 0)
		len--;
	while (len > 0) {
		ssize_t done = tree_write(l->tree, n, off, p, len);

		if (done < 0)
			return (int)done;
		p += done;
		off += (uint64_t)done;
		len -= (size_t)done;
	}
	return 0;
}

/* Contents of a regular file, holes left out. */
static int load_contents(struct loader *l, struct archive *a,
			 struct archive_entry *e, struct node *n)
{
	struct attr attr = {.size = (uint64_t)archive_entry_size(e)};
	const void *block;
	la_int64_t off;
	size_t len;
	int r, err = 0;

	tar_bounds_file(&l->bounds, (uint64_t)archive_entry_sparse_count(e));
	while ((r = archive_read_data_block(a, &block, &len, &off)) ==
	       ARCHIVE_OK) {
		const uint8_t *p = block;

		while (err == 0 && len > 0) {
			size_t piece = BODY_EXTENT - (size_t)off % BODY_EXTENT;

			if (piece > len)
				piece = len;
			err = load_piece(l, n, (uint64_t)off, p, piece);
			p += piece;
			off += (la_int64_t)piece;
			len -= piece;
		}
		if (err != 0)
			return err;
	}
	if (r != ARCHIVE_EOF)
		return -EBADMSG;
	return tree_setattr(l->tree, n, &attr, SET_SIZE);
}

/*
 * libarchive reads "-1.5" as -1 s and 0.5 s after it; a timespec's fraction
 * counts forward, so it is half a second after -2.
 */
static struct timespec mtime_of(struct archive_entry *e)
{
	struct timespec t = {archive_entry_mtime(e),
			     archive_entry_mtime_nsec(e)};

	if (t.tv_sec < 0 && t.tv_nsec > 0) {
		t.tv_sec--;
		t.tv_nsec = 1000000000 - t.tv_nsec;
	}
	return t;
}

static struct attr attr_of(struct archive_entry *e)
{
	struct timespec mtime = mtime_of(e);

	return (struct attr){
		.mode = (uint32_t)(archive_entry_filetype(e) |
				   (archive_entry_perm(e) & 07777)),
		.uid = (uint32_t)archive_entry_uid(e),
		.gid = (uint32_t)archive_entry_gid(e),
		.mtime = mtime,
		.atime = mtime,
	};
}

/* Make way for a later entry of the same name: the last one wins. */
static int replace(struct loader *l, struct node *dir, const char *name,
		   const char *path)
{
	int err = tree_unlink(l->tree, dir, name);

	if (err == -EISDIR)
		err = tree_rmdir(l->tree, dir, name);
	if (err == -ENOTEMPTY)
		return refuse(l, path, "stands where a folder is");
	return err == -ENOENT ? 0 : err;
}

/* What is wrong with attributes of e that gave this error. */
static int judge_attributes(struct loader *l, struct archive_entry *e, int err)
{
	const char *why = NULL;

	if (err == -ERANGE)
		why = "has an attribute without a name, or with too long a one";
	else if (err == -E2BIG)
		why = "has larger extended attributes than a file may have";
	else if (err == -EINVAL)
		why = "has an access control list that makes no sense";
	return why == NULL ? err
			   : refuse(l, archive_entry_pathname(e), "%s", why);
}

static int load_node(struct loader *l, struct archive *a,
		     struct archive_entry *e, struct node *n)
{
	struct attr attr = attr_of(e);
	int err = 0;

	/* It may be a folder that comes once more. */
	tar_acl_drop(l->tree, n);
	if (S_ISREG(attr.mode))
		err = load_contents(l, a, e, n);
	if (err == 0)
		err = judge_attributes(l, e, tar_xattr_load(l->tree, n, e));
	if (err == 0)
		err = tree_setattr(l->tree, n, &attr,
				   SET_MODE | SET_UID | SET_GID);
	if (err == 0)
		err = judge_attributes(l, e, tar_acl_load(l->tree, n, e));
	if (err == 0)
		err = tree_setattr(l->tree, n, &attr, SET_MTIME | SET_ATIME);
	if (err == 0 && S_ISDIR(attr.mode))
		err = tar_dates_add(&l->dates, n, attr.mtime);
	return err;
}

static int load_link(struct loader *l, struct node *dir, const char *name,
		     const char *path, const char *target)
{
	struct node *n;
	int err = find_node(l, target, &n);

	if (err == -EBADMSG)
		return refuse(l, path, "is a link out of the vault");
	if (err == -ENOENT || err == -ENOTDIR ||
	    (err == 0 && S_ISDIR(n->attr.mode)))
		return refuse(l, path, "is a link to nothing");
	if (err != 0)
		return err;
	/* A link to itself would lose its file when its name is replaced. */
	n->lookups++;
	err = replace(l, dir, name, path);
	if (err == 0 && n->nlink == 0)
		err = refuse(l, path, "is a link to itself");
	if (err == 0)
		err = tree_link(l->tree, n, dir, name);
	tree_forget(l->tree, n, 1);
	return err;
}

/* A node for entry e: a new one, or the folder that is there already. */
static int make_node(struct loader *l, struct archive_entry *e,
		     struct node *dir, const char *name, struct node **ret)
{
	const char *path = archive_entry_pathname(e);
	struct tree_birth b = {.attr = attr_of(e), .is_loaded = true};
	int err;

	if (S_ISDIR(b.attr.mode)) {
		err = tree_lookup(ret, l->tree, dir, name);
		if (err == 0 && S_ISDIR((*ret)->attr.mode))
			return 0;
	}
	if (S_ISLNK(b.attr.mode)) {
		b.target = archive_entry_symlink(e);
		if (b.target == NULL || b.target[0] == '\0')
			return refuse(l, path, "is a symbolic link to nothing");
	}
	err = replace(l, dir, name, path);
	if (err == 0)
		err = tree_create(ret, l->tree, dir, name, &b);
	return err;
}

static int load_named(struct loader *l, struct archive *a,
		      struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);
	mode_t type = archive_entry_filetype(e);
	const char *link = archive_entry_hardlink(e);
	struct node *dir = NULL, *n;
	char name[DIR_NAME_MAX + 1];
	int err;

	if (path == NULL || path[0] == '\0')
		return refuse(l, "", "has no name");
	err = check_path(l, path);
	if (err == 0 && link == NULL && type != AE_IFREG && type != AE_IFDIR &&
	    type != AE_IFLNK && type != AE_IFIFO) {
		l->report->skipped++;
		return 0;
	}
	if (err == 0 && tar_path_is_reserved(path)) {
		l->report->dropped_passphrase = true;
		return 0;
	}
	if (err == 0)
		err = find_place(l, path, &dir, name);
	if (err != 0)
		return err;
	if (name[0] == '\0' && (type != AE_IFDIR || link != NULL))
		return refuse(l, path, "would replace the root");
	if (link != NULL)
		return load_link(l, dir, name, path, link);
	n = dir;
	if (name[0] != '\0')
		err = make_node(l, e, dir, name, &n);
	return err != 0 ? err : load_node(l, a, e, n);
}

/* Bytes that are handled for e, whatever becomes of it. */
static uint64_t work_of(const struct loader *l, struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);
	const uint64_t most = tree_usage(l->tree).limit.bytes;
	la_int64_t size = archive_entry_size(e);
	bool is_kept = archive_entry_filetype(e) == AE_IFREG &&
		       archive_entry_hardlink(e) == NULL && path != NULL &&
		       !tar_path_is_reserved(path);

	/* A sparse file has less than its size; the tree stops any other. */
	if (archive_entry_sparse_count(e) > 0)
		return (uint64_t)archive_entry_sparse_count(e) * BODY_LEAST;
	if (size <= 0)
		return 0;
	return is_kept && (uint64_t)size > most ? most : (uint64_t)size;
}

static int load_entry(struct loader *l, struct archive *a,
		      struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);
	int err = tar_bounds_entry(&l->bounds, work_of(l, e));

	if (err == 0)
		err = load_named(l, a, e);
	if (err == -EFBIG)
		err = refuse(l, path, "has a size beyond all limits");
	if (err == -ENAMETOOLONG)
		err = refuse(l, path,
			     "is nested too deeply, or its target is too long");
	/* Which it is, helps to see whether more room is what is missing. */
	if (err == -ENOSPC || err == -E2BIG)
		(void)refuse(l, path != NULL ? path : "", "is too much");
	return err;
}

static la_ssize_t read_block(struct archive *a, void *ctx, const void **buf)
{
	struct loader *l = ctx;
	ssize_t n = l->from.read(l->from.ctx, l->block, READ_BLOCK);

	*buf = l->block;
	if (n > 0 && tar_bounds_input(&l->bounds, l->block, (size_t)n) != 0)
		n = -E2BIG;
	if (n >= 0)
		return n;
	l->source_error = (int)n;
	archive_set_error(a, (int)-n, "source");
	return -1;
}

/* The next entry.  What libarchive says. */
static int next_entry(struct loader *l, struct archive *a,
		      struct archive_entry **e)
{
	int r;

	tar_bounds_header(&l->bounds, true);
	r = archive_read_next_header(a, e);
	tar_bounds_header(&l->bounds, false);
	return r;
}

static int load_entries(struct loader *l, struct archive *a)
{
	struct archive_entry *e;
	int r, err;

	while ((r = next_entry(l, a, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		err = load_entry(l, a, e);
		if (err != 0)
			return err;
		/* Else it would count as headers of the next. */
		r = archive_read_data_skip(a);
		if (r == ARCHIVE_FATAL)
			break;
	}
	if (r == ARCHIVE_EOF)
		return 0;
	return archive_errno(a) == ENOMEM ? -ENOMEM : -EBADMSG;
}

static int load_all(struct loader *l, struct archive *a)
{
	/* What stands behind an end marker is the user's too; and so all of
	 * the input is read, whose own end has to be right. */
	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_set_options(a, "read_concatenated_archives") !=
		    ARCHIVE_OK)
		return -ENOMEM;
	if (archive_read_open(a, l, NULL, read_block, NULL) != ARCHIVE_OK)
		return archive_errno(a) == ENOMEM ? -ENOMEM : -EBADMSG;
	return load_entries(l, a);
}

int tar_load(struct tree *t, struct source from, struct tar_report *report)
{
	struct loader l = {.tree = t, .report = report, .from = from};
	struct archive *a = NULL;
	locale_t old, ours;
	enum mem_pool before;
	struct tree_usage usage;
	int err = utf8_enter(&old, &ours);

	if (err != 0)
		return err;
	*report = (struct tar_report){0};
	usage = tree_usage(t);
	tar_bounds_start(&l.bounds, &usage.limit);
	before = mem_use(MEM_RESERVE);
	l.block = mem_alloc(READ_BLOCK);
	(void)mem_use(before);
	a = archive_read_new();
	if (l.block == NULL || a == NULL)
		err = -ENOMEM;
	if (err == 0)
		err = load_all(&l, a);
	if (err == 0)
		tar_dates_set(&l.dates, t);
	/* libarchive may take an error for an end. */
	if (l.source_error != 0)
		err = l.source_error;
	(void)archive_read_free(a);
	mem_free(l.block);
	tar_dates_free(&l.dates, t);
	utf8_leave(old, ours);
	return err;
}
