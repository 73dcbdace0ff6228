/* SPDX-License-Identifier: MIT */
#ifndef TZ_PACK_H
#define TZ_PACK_H

/*
 * Compression between the archive and the seal, as a stage of a pipe.  All
 * states and windows are in locked memory.  Gzip (RFC 1952) is written as one
 * member and read with any number of them; zstd (RFC 8878) is only read.
 */

#include "crypto/stream.h"

#include <stdint.h>

/*
 * A compressor that writes one gzip member, in segments: none refers to what
 * came before it, so one that is kept can be written again in its place.
 */
struct packer;

/* What a segment holds. */
struct packed {
	uint64_t len; /* bytes, before compression */
	uint32_t crc; /* ... and their CRC-32 */
};

/*
 * The caller frees *ret.  to must live as long.  0, -ENOMEM or the error of to.
 */
int packer_new(struct packer **ret, struct sink to);

/* Takes the bytes to compress.  The sink lives as long as p. */
struct sink packer_sink(struct packer *p);

/* End a segment, and tell what it holds.  0 or the error of the sink. */
int packer_cut(struct packer *p, struct packed *ret);

/*
 * Write a segment that was compressed earlier: what the sink got between two
 * cuts.  It goes where one begins.  0 or the error of the sink.
 */
int packer_put(struct packer *p, const struct packed *what, const uint8_t *data,
	       size_t len);

/*
 * Decompress a segment and compare it with what it is to hold.  0, -EBADMSG or
 * -ENOMEM.
 */
int packer_check(const struct packed *what, const uint8_t *data, size_t len);

/* Write what is left and the trailer.  0 or the error of the sink. */
int packer_finish(struct packer *p);

/* Wipe and release p.  NULL is a no-op. */
void packer_free(struct packer *p);

/* A decompressor that reads from a source. */
struct unpacker;

/*
 * compression is one of seal.h's enum seal_compression.  limit bounds what
 * will come out, in bytes, so that a bomb ends there.  The caller frees *ret.
 * 0, -EPROTO (unknown compression) or -ENOMEM.
 */
int unpacker_new(struct unpacker **ret, uint32_t compression,
		 struct source from, uint64_t limit);

/*
 * The bytes as they were.  read() returns -EBADMSG for bytes that are not of
 * this compression or end too early, -E2BIG past limit, and what from gives.
 * The source lives as long as u.
 */
struct source unpacker_source(struct unpacker *u);

/* Wipe and release u.  NULL is a no-op. */
void unpacker_free(struct unpacker *u);

#endif
