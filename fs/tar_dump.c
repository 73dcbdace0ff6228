/* SPDX-License-Identifier: MIT */
#include "pax.h"
#include "tar.h"

#include "crypto/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

enum {
	/* The folders from the root down to an entry, and the entry. */
	PARTS = TREE_DEPTH_MAX + 1,
	/* Contents are copied by so much; it is part of the reserve. */
	STEP = 16 << 10,
};

struct tar_dumper {
	const struct snapshot *snapshot;
	bool is_outline;
	struct sink to; /* of the step under way */
	uint64_t bytes; /* ... written */
	const char *path[PARTS], *link[PARTS];
	uint8_t step[STEP];
};

/* Where headers go: on to the step's sink, and counted. */
static int count_write(void *ctx, const uint8_t *buf, size_t len)
{
	struct tar_dumper *d = ctx;

	d->bytes += len;
	return d->to.write(d->to.ctx, buf, len);
}

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
 * but for the last one of the file, and not beyond limit.  False: there is
 * none.
 */
static bool find_piece(const struct snapshot_entry *e, uint64_t off,
		       uint64_t limit, struct pax_piece *p)
{
	uint64_t start = body_next_data(&e->body, off);

	if (limit > e->attr.size)
		limit = e->attr.size;
	if (start >= limit)
		return false;
	p->off = start;
	p->len = body_next_hole(&e->body, start, limit) - start;
	return true;
}

static bool next_piece(const void *entry, uint64_t off, struct pax_piece *p)
{
	return find_piece(entry, off, UINT64_MAX, p);
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

/* Write the headers of entry i; *has_contents if something comes after. */
static int dump_headers(struct tar_dumper *d, uint32_t i, bool *has_contents)
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
	*has_contents = m.size > 0;
	return pax_header((struct sink){count_write, d}, &m);
}

/* Write p, which lies in one extent, or what stands for it. */
static int dump_piece(struct tar_dumper *d, const struct snapshot_entry *e,
		      struct pax_piece p)
{
	const uint64_t outline[] = {e->ino, p.off, p.len,
				    body_stamp(&e->body, p.off)};
	int err = 0;

	d->bytes += p.len;
	if (d->is_outline)
		return d->to.write(d->to.ctx, (const uint8_t *)outline,
				   sizeof(outline));
	while (err == 0 && p.len > 0) {
		size_t n = p.len < STEP ? (size_t)p.len : STEP;

		err = body_read(&e->body, p.off, d->step, n);
		if (err == 0)
			err = d->to.write(d->to.ctx, d->step, n);
		p.off += n;
		p.len -= n;
	}
	return err;
}

/* Write the part of the file at at->off, and what fills its last block. */
static int dump_part(struct tar_dumper *d, struct tar_place *at)
{
	const struct snapshot_entry *e = snapshot_entry(d->snapshot, at->entry);
	const uint64_t start = body_next_data(&e->body, at->off);
	struct pax_piece p = {0};
	int err;

	(void)find_piece(e, start, (start / BODY_EXTENT + 1) * BODY_EXTENT, &p);
	err = dump_piece(d, e, p);
	at->off = p.off + p.len;
	if (err != 0 || body_next_data(&e->body, at->off) < e->attr.size)
		return err;
	*at = (struct tar_place){.entry = at->entry + 1};
	return pax_pad((struct sink){count_write, d}, size_of(e));
}

/* Numbers that are near each other spread: the last step of SplitMix64. */
static uint64_t mixed(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static int do_step(struct tar_dumper *d, struct tar_place *at, struct sink to,
		   struct tar_step *step)
{
	const struct snapshot *s = d->snapshot;
	bool has_contents = false;
	int err;

	*step = (struct tar_step){0};
	d->to = to;
	d->bytes = 0;
	if (at->entry == s->count) {
		at->is_ended = true;
		err = pax_end((struct sink){count_write, d});
	} else if (at->is_begun) {
		step->name = mixed(snapshot_entry(s, at->entry)->ino +
				   mixed(at->off / BODY_EXTENT + 1));
		err = dump_part(d, at);
	} else {
		step->name = mixed(snapshot_entry(s, at->entry)->ino);
		err = dump_headers(d, at->entry, &has_contents);
		at->is_begun = has_contents;
		at->entry += has_contents ? 0 : 1;
	}
	step->bytes = d->bytes;
	return err;
}

int tar_dump_step(struct tar_dumper *d, struct tar_place *at, struct sink to,
		  struct tar_step *step)
{
	d->is_outline = false;
	return do_step(d, at, to, step);
}

int tar_outline_step(struct tar_dumper *d, struct tar_place *at, struct sink to,
		     struct tar_step *step)
{
	d->is_outline = true;
	return do_step(d, at, to, step);
}

int tar_dumper_new(struct tar_dumper **ret, const struct snapshot *s)
{
	struct tar_dumper *d = mem_alloc(sizeof(*d));

	if (d == NULL)
		return -ENOMEM;
	d->snapshot = s;
	*ret = d;
	return 0;
}

void tar_dumper_free(struct tar_dumper *d)
{
	mem_free(d);
}

int tar_dump(const struct snapshot *s, struct sink to)
{
	struct tar_dumper *d = NULL;
	struct tar_place at = {0};
	struct tar_step step;
	int err = tar_dumper_new(&d, s);

	while (err == 0 && !at.is_ended)
		err = tar_dump_step(d, &at, to, &step);
	tar_dumper_free(d);
	return err;
}
