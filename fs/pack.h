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

/* A compressor that writes gzip to a sink. */
struct packer;

/* The caller frees *ret.  to must live as long.  0 or -ENOMEM. */
int packer_new(struct packer **ret, struct sink to);

/* Takes the bytes to compress.  The sink lives as long as p. */
struct sink packer_sink(struct packer *p);

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
