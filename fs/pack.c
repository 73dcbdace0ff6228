/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include "crypto/mem.h"

#include <endian.h>
#include <errno.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

enum { WINDOW = 64 << 10 };

struct packer {
	struct sink to;
	struct packed all, segment; /* written; in the segment under way */
	struct isal_zstream z;
	size_t filled; /* of in */
	uint8_t in[WINDOW], out[WINDOW];
	uint8_t level_buf[ISAL_DEF_LVL1_DEFAULT];
};

int packer_new(struct packer **ret, struct sink to)
{
	/* RFC 1952: deflate, no name, no time, unknown system. */
	static const uint8_t head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	struct packer *p = mem_alloc(sizeof(*p));
	int err;

	if (p == NULL)
		return -ENOMEM;
	p->to = to;
	isal_deflate_init(&p->z);
	p->z.level = 1;
	p->z.level_buf = p->level_buf;
	p->z.level_buf_size = sizeof(p->level_buf);
	err = to.write(to.ctx, head, sizeof(head));
	if (err != 0) {
		packer_free(p);
		return err;
	}
	*ret = p;
	return 0;
}

/* Compress the input window, and all that is inside if flush says so. */
static int deflate_window(struct packer *p, uint16_t flush)
{
	p->segment.crc = crc32_gzip_refl(p->segment.crc, p->in, p->filled);
	p->segment.len += p->filled;
	p->z.next_in = p->in;
	p->z.avail_in = (uint32_t)p->filled;
	p->z.flush = flush;
	do {
		int err;

		p->z.next_out = p->out;
		p->z.avail_out = WINDOW;
		if (isal_deflate(&p->z) != COMP_OK)
			return -EIO;
		err = p->to.write(p->to.ctx, p->out, WINDOW - p->z.avail_out);
		if (err != 0)
			return err;
	} while (p->z.avail_in > 0 || p->z.avail_out == 0);
	p->filled = 0;
	return 0;
}

static int packer_write(void *ctx, const uint8_t *buf, size_t len)
{
	struct packer *p = ctx;

	while (len > 0) {
		size_t n = WINDOW - p->filled < len ? WINDOW - p->filled : len;

		memcpy(p->in + p->filled, buf, n);
		p->filled += n;
		buf += n;
		len -= n;
		if (p->filled == WINDOW) {
			int err = deflate_window(p, NO_FLUSH);

			if (err != 0)
				return err;
		}
	}
	return 0;
}

struct sink packer_sink(struct packer *p)
{
	return (struct sink){packer_write, p};
}

/* The next bytes of the member hold this. */
static void account(struct packer *p, const struct packed *segment)
{
	p->all.crc = (uint32_t)crc32_combine(p->all.crc, segment->crc,
					     (z_off_t)segment->len);
	p->all.len += segment->len;
}

int packer_cut(struct packer *p, struct packed *ret)
{
	int err = 0;

	if (p->filled > 0 || p->segment.len > 0)
		err = deflate_window(p, FULL_FLUSH);
	if (err != 0)
		return err;
	/* Not even what the compressor learned of it is to be left. */
	isal_deflate_reset(&p->z);
	account(p, &p->segment);
	*ret = p->segment;
	p->segment = (struct packed){0};
	return 0;
}

int packer_put(struct packer *p, const struct packed *what, const uint8_t *data,
	       size_t len)
{
	account(p, what);
	return p->to.write(p->to.ctx, data, len);
}

/* What packer_check() needs, all of it locked. */
struct checker {
	struct inflate_state z;
	uint8_t out[WINDOW];
};

static int check(struct checker *c, const struct packed *what,
		 const uint8_t *data, size_t len)
{
	struct packed found = {0};

	isal_inflate_init(&c->z);
	c->z.next_in = (uint8_t *)(uintptr_t)data; /* it has no const */
	c->z.avail_in = (uint32_t)len;
	do {
		size_t n;

		c->z.next_out = c->out;
		c->z.avail_out = WINDOW;
		if (isal_inflate(&c->z) != ISAL_DECOMP_OK)
			return -EBADMSG;
		n = WINDOW - c->z.avail_out;
		found.crc = crc32_gzip_refl(found.crc, c->out, n);
		found.len += n;
	} while (c->z.avail_out == 0);
	return c->z.avail_in == 0 && found.len == what->len &&
			       found.crc == what->crc
		       ? 0
		       : -EBADMSG;
}

int packer_check(const struct packed *what, const uint8_t *data, size_t len)
{
	struct checker *c = mem_alloc(sizeof(*c));
	int err = c != NULL ? check(c, what, data, len) : -ENOMEM;

	mem_free(c);
	return err;
}

int packer_finish(struct packer *p)
{
	/* An empty last block, as deflate ends, then what gzip adds. */
	uint8_t tail[10] = {3, 0};
	struct packed last;
	uint32_t le;
	int err = packer_cut(p, &last);

	if (err != 0)
		return err;
	le = htole32(p->all.crc);
	memcpy(tail + 2, &le, 4);
	le = htole32((uint32_t)p->all.len);
	memcpy(tail + 6, &le, 4);
	return p->to.write(p->to.ctx, tail, sizeof(tail));
}

void packer_free(struct packer *p)
{
	mem_free(p);
}
