/* SPDX-License-Identifier: MIT */
#include "tar.h"
#include "utf8.h"

#include "crypto/mem.h"
#include "crypto/secret.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

struct dumper {
	const struct snapshot *snapshot;
	struct archive *archive;
	struct sink to;
	int sink_error;
	uint8_t *buf;		  /* BODY_EXTENT bytes */
	struct secret path, link; /* full names, built here */
};

static la_ssize_t write_block(struct archive *a, void *ctx, const void *buf,
			      size_t len)
{
	struct dumper *d = ctx;
	int err = d->to.write(d->to.ctx, buf, len);

	if (err == 0)
		return (la_ssize_t)len;
	d->sink_error = err;
	archive_set_error(a, -err, "sink");
	return -1;
}

/* The whole name of entry i, built from its end, into the buffer of room. */
static int full_name(const char **ret, struct dumper *d, struct secret *room,
		     uint32_t i)
{
	const struct snapshot *s = d->snapshot;
	bool folder = S_ISDIR(snapshot_entry(s, i)->attr.mode);
	size_t need = 3, at;

	for (uint32_t j = i; j != 0; j = snapshot_entry(s, j)->parent)
		need += strlen(snapshot_entry(s, j)->name) + 1;
	if (need > room->len) {
		secret_free(room);
		if (secret_alloc(room, need * 2) != 0)
			return -ENOMEM;
	}
	at = room->len;
	room->data[--at] = '\0';
	if (folder)
		room->data[--at] = '/';
	if (i == 0)
		room->data[--at] = '.';
	for (uint32_t j = i; j != 0; j = snapshot_entry(s, j)->parent) {
		const char *name = snapshot_entry(s, j)->name;
		size_t n = strlen(name);

		if (j != i)
			room->data[--at] = '/';
		at -= n;
		memcpy(room->data + at, name, n);
	}
	*ret = (const char *)room->data + at;
	return 0;
}

/* A file with holes is written with a map of what is not a hole. */
static bool is_sparse(const struct snapshot_entry *e)
{
	return e->attr.size > (uint64_t)e->body.count * BODY_EXTENT;
}

static void add_sparse_map(struct archive_entry *ae,
			   const struct snapshot_entry *e)
{
	for (size_t i = 0; i < e->body.count; i++) {
		uint64_t off = e->body.slots[i].index * BODY_EXTENT;
		uint64_t len = e->attr.size - off;

		if (len > BODY_EXTENT)
			len = BODY_EXTENT;
		archive_entry_sparse_add_entry(ae, (la_int64_t)off,
					       (la_int64_t)len);
	}
	/* One empty piece at the end makes a map of a file that is all hole. */
	if (e->body.count == 0)
		archive_entry_sparse_add_entry(ae, (la_int64_t)e->attr.size, 0);
}

static int write_data(struct dumper *d, const uint8_t *buf, size_t len)
{
	while (len > 0) {
		la_ssize_t n = archive_write_data(d->archive, buf, len);

		if (n <= 0)
			return -EIO;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Move over a hole.  libarchive takes its length and looks at no byte. */
static int write_hole(struct dumper *d, uint64_t len)
{
	while (len > 0) {
		size_t n = len < INT_MAX ? (size_t)len : INT_MAX;
		la_ssize_t done = archive_write_data(d->archive, d->buf, n);

		if (done <= 0)
			return -EIO;
		len -= (uint64_t)done;
	}
	return 0;
}

static int dump_contents(struct dumper *d, const struct snapshot_entry *e)
{
	bool sparse = is_sparse(e);
	uint64_t off = 0;
	int err = 0;

	for (size_t i = 0; err == 0 && i < e->body.count; i++) {
		uint64_t at = e->body.slots[i].index * BODY_EXTENT;
		uint64_t n = e->attr.size - at;

		if (n > BODY_EXTENT)
			n = BODY_EXTENT;
		if (at > off)
			err = write_hole(d, at - off);
		if (err != 0)
			break;
		body_read(&e->body, at, d->buf, (size_t)n);
		err = write_data(d, d->buf, (size_t)n);
		off = at + n;
	}
	if (err == 0 && sparse && off < e->attr.size)
		err = write_hole(d, e->attr.size - off);
	return err;
}

static void set_attrs(struct archive_entry *ae, const struct snapshot_entry *e)
{
	archive_entry_set_filetype(ae, e->attr.mode & S_IFMT);
	archive_entry_set_perm(ae, e->attr.mode & 07777);
	archive_entry_set_uid(ae, e->attr.uid);
	archive_entry_set_gid(ae, e->attr.gid);
	archive_entry_set_mtime(ae, e->attr.mtime.tv_sec,
				e->attr.mtime.tv_nsec);
	for (const struct xattr *x = e->xattrs; x != NULL; x = x->next)
		archive_entry_xattr_add_entry(ae, x->name, x->value, x->len);
}

static int dump_entry(struct dumper *d, struct archive_entry *ae, uint32_t i)
{
	const struct snapshot_entry *e = snapshot_entry(d->snapshot, i);
	bool has_contents = S_ISREG(e->attr.mode) && e->first == SNAPSHOT_NONE;
	const char *path, *first;
	int err = full_name(&path, d, &d->path, i);

	if (err != 0)
		return err;
	(void)archive_entry_clear(ae);
	archive_entry_copy_pathname(ae, path);
	set_attrs(ae, e);
	if (e->first != SNAPSHOT_NONE) {
		err = full_name(&first, d, &d->link, e->first);
		if (err != 0)
			return err;
		archive_entry_copy_hardlink(ae, first);
	} else if (S_ISLNK(e->attr.mode)) {
		archive_entry_copy_symlink(ae, e->target);
	}
	archive_entry_set_size(ae, has_contents ? (la_int64_t)e->attr.size : 0);
	if (has_contents && is_sparse(e))
		add_sparse_map(ae, e);
	if (archive_write_header(d->archive, ae) < ARCHIVE_WARN)
		return -EIO;
	if (has_contents)
		err = dump_contents(d, e);
	if (err == 0 && archive_write_finish_entry(d->archive) < ARCHIVE_WARN)
		err = -EIO;
	return err;
}

static int dump_all(struct dumper *d)
{
	struct archive_entry *ae;
	int err = 0;

	/* Without blocking, file data go to the sink without a copy. */
	if (archive_write_set_format_pax(d->archive) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(d->archive, 0) != ARCHIVE_OK ||
	    archive_write_open(d->archive, d, NULL, write_block, NULL) !=
		    ARCHIVE_OK)
		return -ENOMEM;
	ae = archive_entry_new();
	if (ae == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; err == 0 && i < d->snapshot->count; i++)
		err = dump_entry(d, ae, i);
	archive_entry_free(ae);
	if (err == 0 && archive_write_close(d->archive) != ARCHIVE_OK)
		err = -EIO;
	return err;
}

int tar_dump(const struct snapshot *s, struct sink to)
{
	struct dumper d = {.snapshot = s, .to = to};
	locale_t old, ours;
	int err = utf8_enter(&old, &ours);

	if (err != 0)
		return err;
	d.buf = mem_alloc(BODY_EXTENT);
	d.archive = archive_write_new();
	if (d.buf == NULL || d.archive == NULL)
		err = -ENOMEM;
	if (err == 0)
		err = dump_all(&d);
	if (err == -EIO && d.sink_error != 0)
		err = d.sink_error;
	else if (err == -EIO && archive_errno(d.archive) == ENOMEM)
		err = -ENOMEM;
	(void)archive_write_free(d.archive);
	mem_free(d.buf);
	secret_free(&d.path);
	secret_free(&d.link);
	utf8_leave(old, ours);
	return err;
}
