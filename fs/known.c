/* SPDX-License-Identifier: MIT */
#include "known.h"

#include "crypto/mem.h"

#include <errno.h>

enum { ROOM_LEAST = 64 };

/* Where ino is, or would be. */
static struct known *slot(const struct known_table *t, uint64_t ino)
{
	/* Numbers are given out in a row: their bits are spread (Knuth). */
	size_t i = (size_t)((ino * UINT64_C(0x9e3779b97f4a7c15)) >> 20) &
		   (t->room - 1);

	while (t->at[i].ino != 0 && t->at[i].ino != ino)
		i = (i + 1) & (t->room - 1);
	return &t->at[i];
}

struct known *known_find(const struct known_table *t, uint64_t ino)
{
	struct known *k = t->room > 0 ? slot(t, ino) : NULL;

	return k != NULL && k->ino != 0 ? k : NULL;
}

static int grow(struct known_table *t)
{
	struct known_table bigger = {
		.room = t->room > 0 ? t->room * 2 : ROOM_LEAST,
		.count = t->count,
	};

	bigger.at = mem_alloc_in(MEM_PLAIN, bigger.room * sizeof(struct known));
	if (bigger.at == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < t->room; i++)
		if (t->at[i].ino != 0)
			*slot(&bigger, t->at[i].ino) = t->at[i];
	mem_free(t->at);
	*t = bigger;
	return 0;
}

int known_add(struct known **ret, struct known_table *t, const struct known *k)
{
	struct known *at;

	if (t->count * 2 >= t->room && grow(t) != 0)
		return -ENOMEM;
	at = slot(t, k->ino);
	t->count += at->ino == 0;
	*at = *k;
	*ret = at;
	return 0;
}

void known_free(struct known_table *t)
{
	mem_free(t->at);
	*t = (struct known_table){0};
}
