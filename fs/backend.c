/* SPDX-License-Identifier: MIT */
#include "backend.h"

#include <stddef.h>

int backend_serve(struct backend *b, struct saver *saver)
{
	return b->ops->serve(b, saver);
}

bool backend_flush(struct backend *b, backend_flushed *fn, void *ctx)
{
	if (b->ops->flush == NULL)
		return false;
	b->ops->flush(b, fn, ctx);
	return true;
}

bool backend_is_behind(const struct backend *b)
{
	return b->ops->is_behind != NULL && b->ops->is_behind(b);
}

int backend_error(const struct backend *b)
{
	return b->ops->error != NULL ? b->ops->error(b) : 0;
}

int backend_freeze(struct backend *b, bool frozen)
{
	return b->ops->freeze(b, frozen);
}

int backend_drop(struct backend *b, backend_fn *fn, void *ctx)
{
	return b->ops->drop(b, fn, ctx);
}

int backend_revoke(struct backend *b, backend_fn *fn, void *ctx)
{
	return b->ops->revoke(b, fn, ctx);
}

uint64_t backend_requests(const struct backend *b)
{
	return b->ops->requests(b);
}

uint64_t backend_uses(const struct backend *b)
{
	return b->ops->uses(b);
}

void backend_stop(struct backend *b)
{
	if (b != NULL)
		b->ops->stop(b);
}

bool backend_is_connected(const struct backend *b)
{
	return b->ops->is_connected(b);
}

void backend_end(struct backend *b)
{
	if (b != NULL)
		b->ops->end(b);
}
