/* SPDX-License-Identifier: MIT */
#include "pax.h"
#include "tar.h"

#include "crypto/mem.h"
#include "crypto/secret.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

struct dumper {
	const struct snapshot *snapshot;
	struct sink to;
	struct pax_buffer headers;
	uint8_t *buf;		  /* BODY_EXTENT bytes */
	struct secret path, link; /* full names, built here */
	struct pax_piece *pieces; /* of the file at hand */
	size_t piece_room;
};

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

/*
 * The first piece of e at or after off that is no hole, in whole pages but for
 * the last one of the file.  False: there is none.
 */
static bool next_piece(const struct snapshot_entry *e, uint64_t off,
		       struct pax_piece *p)
{
	uint64_t end;

	p->off = body_next_data(&e->body, off);
	if (p->off >= e->attr.size)
		return false;
	end = body_next_hole(&e->body, p->off);
	p->len = (end < e->attr.size ? end : e->attr.size) - p->off;
	return true;
}

static int add_piece(struct dumper *d, size_t count, struct pax_piece p)
{
	if (count == d->piece_room) {
		size_t room = count == 0 ? 16 : count * 2;
		struct pax_piece *pieces =
			mem_realloc(d->pieces, room * sizeof(*pieces));

		if (pieces == NULL)
			return -ENOMEM;
		d->pieces = pieces;
		d->piece_room = room;
	}
	d->pieces[count] = p;
	return 0;
}

/* Note in m what of e is there; if that is not all, m is sparse. */
static int map_contents(struct dumper *d, struct pax_member *m,
			const struct snapshot_entry *e)
{
	struct pax_piece p = {0};
	size_t n = 0;
	int err = 0;

	while (err == 0 && next_piece(e, p.off + p.len, &p)) {
		err = add_piece(d, n++, p);
		m->size += p.len;
	}
	if (err != 0 || m->size == e->attr.size)
		return err;
	/* A file that is all hole has an empty piece at its end. */
	if (n == 0)
		err = add_piece(d, n++, (struct pax_piece){e->attr.size, 0});
	m->pieces = d->pieces;
	m->piece_count = n;
	return err;
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
	const struct snapshot_entry *e = snapshot_entry(d->snapshot, i);
	struct pax_member m = {
		.type = '5',
		.attr = &e->attr,
		.xattrs = e->xattrs,
	};
	int err = full_name(&m.path, d, &d->path, i);

	if (err == 0 && e->first != SNAPSHOT_NONE) {
		m.type = '1';
		err = full_name(&m.link, d, &d->link, e->first);
	} else if (S_ISLNK(e->attr.mode)) {
		m.type = '2';
		m.link = e->target;
	} else if (S_ISFIFO(e->attr.mode)) {
		m.type = '6';
	} else if (err == 0 && S_ISREG(e->attr.mode)) {
		m.type = '0';
		err = map_contents(d, &m, e);
	}
	if (err == 0)
		err = pax_header(&d->headers, d->to, &m);
	if (err == 0 && m.type == '0')
		err = dump_contents(d, e);
	return err == 0 ? pax_pad(d->to, m.size) : err;
}

int tar_dump(const struct snapshot *s, struct sink to)
{
	struct dumper d = {.snapshot = s, .to = to};
	int err = 0;

	d.buf = mem_alloc(BODY_EXTENT);
	if (d.buf == NULL)
		err = -ENOMEM;
	for (uint32_t i = 0; err == 0 && i < s->count; i++)
		err = dump_entry(&d, i);
	if (err == 0)
		err = pax_end(to);
	mem_free(d.buf);
	mem_free(d.pieces);
	secret_free(&d.headers.text);
	secret_free(&d.path);
	secret_free(&d.link);
	return err;
}
