/* SPDX-License-Identifier: MIT */
#ifndef TZ_BLOB_H
#define TZ_BLOB_H

#include "stream.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * Sealed bytes, in ordinary memory: safe to write to disk or to the network.
 * {0} is a valid empty blob.
 */
struct blob {
	uint8_t *data;
	size_t len;
};

/* Release b's bytes and leave it empty.  An empty blob is a no-op. */
static inline void blob_free(struct blob *b)
{
	free(b->data);
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
