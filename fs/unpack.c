/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include "crypto/mem.h"
#include "crypto/seal.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <string.h>
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_createDCtx_advanced() */
#include <zstd.h>
#include <zstd_errors.h>

enum { WINDOW = 64 << 10 };

struct unpacker {
	struct source from;
	ssize_t (*step)(struct unpacker *u, uint8_t *buf, size_t len);
	uint64_t left; /* of the limit */
	struct inflate_state gzip;
	struct isal_gzip_header header;
	bool header_done; /* gzip: behind a member's header */
	bool member_done; /* gzip: between members */
	ZSTD_DCtx *zstd;
	bool frame_done;   /* zstd: between frames */
	size_t at, filled; /* of in */
	bool ended;	   /* from has no more */
	uint8_t in[WINDOW];
};

/* Have at least one byte of input, if there is any more.  0 or -errno. */
static int refill(struct unpacker *u)
{
	ssize_t n;

	if (u->at < u->filled || u->ended)
		return 0;
	n = u->from.read(u->from.ctx, u->in, WINDOW);
	if (n < 0)
		return (int)n;
	u->at = 0;
	u->filled = (size_t)n;
	u->ended = n == 0;
	return 0;
}

static ssize_t step_plain(struct unpacker *u, uint8_t *buf, size_t len)
{
	size_t n = u->filled - u->at;

	if (n > len)
		n = len;
	memcpy(buf, u->in + u->at, n);
	u->at += n;
	return (ssize_t)n;
}

/*
 * Be ready for a member.  isal_inflate() could read its header, too, but
 * forgets at the end of the input what it has seen of one.
 */
static void gzip_begin(struct unpacker *u)
{
	u->gzip.crc_flag = ISAL_GZIP_NO_HDR_VER;
	isal_gzip_header_init(&u->header);
	u->header_done = u->member_done = false;
}

static ssize_t step_gzip(struct unpacker *u, uint8_t *buf, size_t len)
{
	struct inflate_state *z = &u->gzip;
	int err;

	if (u->member_done && u->at == u->filled)
		return 0;
	if (u->member_done) {
		isal_inflate_reset(z);
		gzip_begin(u);
	}
	z->next_in = u->in + u->at;
	z->avail_in = (uint32_t)(u->filled - u->at);
	z->next_out = buf;
	z->avail_out = (uint32_t)len;
	if (!u->header_done) {
		err = isal_read_gzip_header(z, &u->header);
		u->at = u->filled - z->avail_in;
		if (err == ISAL_END_INPUT)
			return 0;
		if (err != ISAL_DECOMP_OK)
			return -EBADMSG;
		u->header_done = true;
	}
	if (isal_inflate(z) != ISAL_DECOMP_OK)
		return -EBADMSG;
	u->at = u->filled - z->avail_in;
	u->member_done = z->block_state == ISAL_BLOCK_FINISH;
	return (ssize_t)(len - z->avail_out);
}

static ssize_t step_zstd(struct unpacker *u, uint8_t *buf, size_t len)
{
	ZSTD_inBuffer in = {u->in, u->filled, u->at};
	ZSTD_outBuffer out = {.size = len};
	size_t hint;

	out.dst = buf;
	if (u->frame_done && u->at == u->filled)
		return 0;
	hint = ZSTD_decompressStream(u->zstd, &out, &in);
	if (ZSTD_isError(hint))
		return ZSTD_getErrorCode(hint) == ZSTD_error_memory_allocation
			       ? -ENOMEM
			       : -EBADMSG;
	u->at = in.pos;
	u->frame_done = hint == 0;
	return (ssize_t)out.pos;
}

/* Is the input at a place where it may end? */
static bool may_end(const struct unpacker *u)
{
	if (u->step == step_gzip)
		return u->member_done;
	if (u->step == step_zstd)
		return u->frame_done;
	return true;
}

static ssize_t unpacker_read(void *ctx, uint8_t *buf, size_t len)
{
	struct unpacker *u = ctx;
	ssize_t n = 0;

	if (len > UINT32_MAX)
		len = UINT32_MAX;
	while (n == 0 && len > 0) {
		int err = refill(u);

		if (err != 0)
			return err;
		if (u->ended && may_end(u))
			return 0;
		n = u->step(u, buf, len);
		if (n == 0 && u->ended)
			return -EBADMSG;
	}
	if (n > 0 && (uint64_t)n > u->left)
		return -E2BIG;
	u->left -= n > 0 ? (uint64_t)n : 0;
	return n;
}

static void *zstd_alloc(void *opaque, size_t size)
{
	(void)opaque;
	return mem_alloc(size);
}

static void zstd_free(void *opaque, void *p)
{
	(void)opaque;
	mem_free(p);
}

int unpacker_new(struct unpacker **ret, uint32_t compression,
		 struct source from, uint64_t limit)
{
	const ZSTD_customMem locked = {zstd_alloc, zstd_free, NULL};
	struct unpacker *u;

	if (compression > SEAL_ZSTD)
		return -EPROTO;
	u = mem_alloc(sizeof(*u));
	if (u == NULL)
		return -ENOMEM;
	u->from = from;
	u->left = limit;
	u->step = step_plain;
	if (compression == SEAL_GZIP) {
		u->step = step_gzip;
		isal_inflate_init(&u->gzip);
		gzip_begin(u);
	} else if (compression == SEAL_ZSTD) {
		u->step = step_zstd;
		u->zstd = ZSTD_createDCtx_advanced(locked);
		if (u->zstd == NULL) {
			mem_free(u);
			return -ENOMEM;
		}
	}
	*ret = u;
	return 0;
}

struct source unpacker_source(struct unpacker *u)
{
	return (struct source){unpacker_read, u};
}

void unpacker_free(struct unpacker *u)
{
	if (u == NULL)
		return;
	(void)ZSTD_freeDCtx(u->zstd);
	mem_free(u);
}
