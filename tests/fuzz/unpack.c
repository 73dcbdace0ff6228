/* SPDX-License-Identifier: MIT */
/* A compressed stream; the first byte says how, and in what pieces. */
#include "fs/pack.h"

#include <stdlib.h>
#include <string.h>

enum { LIMIT = 4 << 20, KINDS = 4 /* one of them unknown */ };

struct input {
	const uint8_t *p;
	size_t left, step;
};

static ssize_t input_read(void *ctx, uint8_t *buf, size_t len)
{
	struct input *in = ctx;
	size_t n = in->left < len ? in->left : len;

	if (n > in->step)
		n = in->step;
	if (n > 0)
		memcpy(buf, in->p, n);
	in->p += n;
	in->left -= n;
	return (ssize_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const size_t steps[] = {1 << 20, 1, 7, 4096};
	static uint8_t buf[10000];
	struct unpacker *u = NULL;
	struct source from;
	struct input in;
	size_t total = 0;
	ssize_t n;

	if (len == 0)
		return 0;
	in = (struct input){data + 1, len - 1, steps[data[0] / KINDS % 4]};
	if (unpacker_new(&u, data[0] % KINDS, (struct source){input_read, &in},
			 LIMIT) != 0)
		return 0;
	from = unpacker_source(u);
	while ((n = from.read(from.ctx, buf, sizeof(buf))) > 0)
		total += (size_t)n;
	if (total > LIMIT)
		abort();
	unpacker_free(u);
	return 0;
}
