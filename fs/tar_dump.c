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
 * The piece of e that slot holds.  What its extent has no room for reads as
 * zeros, and is not written, so that it takes no more when it is loaded than
 * it does now.  GNU tar wants pieces of whole blocks, but for a file's last.
 */
static struct pax_piece piece_of(const struct snapshot_entry *e,
				 const struct body_slot *slot)
{
	struct pax_piece p = {
		.off = slot->index * BODY_EXTENT,
		.len = pax_blocks(slot->extent->room),
	};

	if (p.len > e->attr.size - p.off)
		p.len = e->attr.size - p.off;
	return p;
}

static int make_piece_room(struct dumper *d, size_t count)
{
	struct pax_piece *pieces;

	if (count <= d->piece_room)
		return 0;
	pieces = mem_realloc(d->pieces, count * sizeof(*pieces));
	if (pieces == NULL)
		return -ENOMEM;
	d->pieces = pieces;
	d->piece_room = count;
	return 0;
}

/* Note in m what of e is there; if that is not all, m is sparse. */
static int map_contents(struct dumper *d, struct pax_member *m,
			const struct snapshot_entry *e)
{
	/* One more: a file that is all hole has an empty piece at its end. */
	int err = make_piece_room(d, e->body.count + 1);
	size_t n = 0;

	if (err != 0)
		return err;
	for (size_t i = 0; i < e->body.count; i++) {
		struct pax_piece p = piece_of(e, &e->body.slots[i]);

		m->size += p.len;
		if (n > 0 &&
		    d->pieces[n - 1].off + d->pieces[n - 1].len == p.off)
			d->pieces[n - 1].len += p.len;
		else
			d->pieces[n++] = p;
	}
	if (m->size == e->attr.size)
		return 0;
	if (n == 0)
		d->pieces[n++] = (struct pax_piece){e->attr.size, 0};
	m->pieces = d->pieces;
	m->piece_count = n;
	return 0;
}

static int dump_contents(struct dumper *d, const struct snapshot_entry *e)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < e->body.count; i++) {
		struct pax_piece p = piece_of(e, &e->body.slots[i]);

		body_read(&e->body, p.off, d->buf, (size_t)p.len);
		err = d->to.write(d->to.ctx, d->buf, (size_t)p.len);
	}
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
