/* SPDX-License-Identifier: MIT */
#ifndef TZ_BLOB_H
#define TZ_BLOB_H

#include "mem.h"
#include "stream.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Sealed bytes, in ordinary memory: safe to write to disk or to the network.
 * {0} is a valid empty blob.
 */
struct blob {
	uint8_t *data; /* of blob_alloc() */
	size_t len;
};

/* Memory for len sealed bytes, or NULL. */
static inline uint8_t *blob_alloc(size_t len)
{
	return mem_alloc_in(MEM_PLAIN, len);
}

/* Release b's bytes and leave it empty.  An empty blob is a no-op. */
static inline void blob_free(struct blob *b)
{
	mem_free(b->data);
	*b = (struct blob){0};
}

/* A blob that grows.  {0} is an empty one; its owner frees blob. */
struct blob_builder {
	struct blob blob;
	size_t room; /* bytes allocated for blob.data */
};

/* Appends to b, which must live as long.  Its error is -ENOMEM. */
struct sink blob_sink(struct blob_builder *b);

#endif
