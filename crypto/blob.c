/* SPDX-License-Identifier: MIT */
#include "blob.h"

#include <errno.h>
#include <string.h>

static int append(void *ctx, const uint8_t *buf, size_t len)
{
	struct blob_builder *b = ctx;

	if (len == 0)
		return 0;
	if (len > b->room - b->blob.len) {
		size_t room = b->blob.len + len + b->blob.len / 2;
		uint8_t *data = blob_alloc(room);

		if (data == NULL)
			return -ENOMEM;
		if (b->blob.len > 0)
			memcpy(data, b->blob.data, b->blob.len);
		mem_free(b->blob.data);
		b->blob.data = data;
		b->room = room;
	}
	memcpy(b->blob.data + b->blob.len, buf, len);
	b->blob.len += len;
	return 0;
}

struct sink blob_sink(struct blob_builder *b)
{
	return (struct sink){append, b};
}
