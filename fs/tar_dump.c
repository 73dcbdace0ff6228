/* SPDX-License-Identifier: MIT */
#include "pax.h"
#include "tar.h"

#include "crypto/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* The folders from the root down to an entry, and the entry. */
enum { PARTS = TREE_DEPTH_MAX + 1 };

struct dumper {
	const struct snapshot *snapshot;
	struct sink to;
	uint8_t *buf; /* BODY_EXTENT bytes */
	const char *path[PARTS], *link[PARTS];
};

/* The whole name of entry i, in parts, built from its end. */
static struct pax_name full_name(const struct snapshot *s,
				 const char *parts[static PARTS], uint32_t i)
{
	struct pax_name name = {
		.is_folder = S_ISDIR(snapshot_entry(s, i)->attr.mode),
	};
	size_t at = PARTS;

	if (i == 0)
		parts[--at] = ".";
	for (; i != 0 && at > 0; i = snapshot_entry(s, i)->parent)
		parts[--at] = snapshot_entry(s, i)->name;
	name.parts = parts + at;
	name.count = PARTS - at;
	return name;
}

/*
 * The first piece of an entry at or after off that is no hole, in whole pages
 * but for the last one of the file.  False: there is none.
 */
static bool next_piece(const void *entry, uint64_t off, struct pax_piece *p)
{
	const struct snapshot_entry *e = entry;
	uint64_t end, start = body_next_data(&e->body, off);

	if (start >= e->attr.size)
		return false;
	end = body_next_hole(&e->body, start);
	p->off = start;
	p->len = (end < e->attr.size ? end : e->attr.size) - start;
	return true;
}

/* Bytes of e that are there. */
static uint64_t size_of(const struct snapshot_entry *e)
{
	struct pax_piece p = {0};
	uint64_t size = 0;

	while (next_piece(e, p.off + p.len, &p))
		size += p.len;
	return size;
}

static int dump_piece(struct dumper *d, const struct snapshot_entry *e,
		      struct pax_piece p)
{
	int err = 0;

	while (err == 0 && p.len > 0) {
		size_t n = p.len < BODY_EXTENT ? (size_t)p.len : BODY_EXTENT;

		body_read(&e->body, p.off, d->buf, n);
		err = d->to.write(d->to.ctx, d->buf, n);
		p.off += n;
		p.len -= n;
	}
	return err;
}

static int dump_contents(struct dumper *d, const struct snapshot_entry *e)
{
	struct pax_piece p = {0};
	int err = 0;

	while (err == 0 && next_piece(e, p.off + p.len, &p))
		err = dump_piece(d, e, p);
	return err;
}

static int dump_entry(struct dumper *d, uint32_t i)
{
	const struct snapshot *s = d->snapshot;
	const struct snapshot_entry *e = snapshot_entry(s, i);
	const char *target = e->target;
	const struct pax_map map = {next_piece, e};
	struct pax_member m = {
		.type = '5',
		.path = full_name(s, d->path, i),
		.attr = &e->attr,
		.xattrs = e->xattrs,
	};
	int err;

	if (e->first != SNAPSHOT_NONE) {
		m.type = '1';
		m.link = full_name(s, d->link, e->first);
	} else if (S_ISLNK(e->attr.mode)) {
		m.type = '2';
		m.link = (struct pax_name){.parts = &target, .count = 1};
	} else if (S_ISFIFO(e->attr.mode)) {
		m.type = '6';
	} else if (S_ISREG(e->attr.mode)) {
		m.type = '0';
		m.size = size_of(e);
		m.map = m.size != e->attr.size ? &map : NULL;
	}
	err = pax_header(d->to, &m);
	if (err == 0 && m.type == '0')
		err = dump_contents(d, e);
	return err == 0 ? pax_pad(d->to, m.size) : err;
}

int tar_dump(const struct snapshot *s, struct sink to)
{
	struct dumper *d = mem_alloc(sizeof(*d));
	int err = 0;

	if (d == NULL)
		return -ENOMEM;
	d->snapshot = s;
	d->to = to;
	d->buf = mem_alloc(BODY_EXTENT);
	if (d->buf == NULL)
		err = -ENOMEM;
	for (uint32_t i = 0; err == 0 && i < s->count; i++)
		err = dump_entry(d, i);
	if (err == 0)
		err = pax_end(to);
	mem_free(d->buf);
	mem_free(d);
	return err;
}
