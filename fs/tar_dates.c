/* SPDX-License-Identifier: MIT */
#include "tar_dates.h"

#include "crypto/mem.h"

#include <errno.h>

struct dated {
	struct node *dir;
	struct timespec mtime;
};

enum { BLOCK = (16 << 10) / sizeof(struct dated) - 1 };

struct tar_dates_block {
	struct tar_dates_block *next;
	size_t count;
	struct dated at[BLOCK];
};

static int add_block(struct tar_dates *l)
{
	enum mem_pool before = mem_use(MEM_RESERVE);
	struct tar_dates_block *b = mem_alloc(sizeof(*b));

	(void)mem_use(before);
	if (b == NULL)
		return -ENOMEM;
	if (l->last != NULL)
		l->last->next = b;
	else
		l->first = b;
	l->last = b;
	return 0;
}

int tar_dates_add(struct tar_dates *l, struct node *dir, struct timespec mtime)
{
	if ((l->last == NULL || l->last->count == BLOCK) && add_block(l) != 0)
		return -ENOMEM;
	dir->lookups++; /* it may be replaced before its turn comes */
	l->last->at[l->last->count++] = (struct dated){dir, mtime};
	return 0;
}

void tar_dates_set(const struct tar_dates *l, struct tree *t)
{
	for (struct tar_dates_block *b = l->first; b != NULL; b = b->next) {
		for (size_t i = 0; i < b->count; i++) {
			struct attr attr = {.mtime = b->at[i].mtime};

			(void)tree_setattr(t, b->at[i].dir, &attr, SET_MTIME);
		}
	}
}

void tar_dates_free(struct tar_dates *l, struct tree *t)
{
	struct tar_dates_block *b = l->first;

	while (b != NULL) {
		struct tar_dates_block *next = b->next;

		for (size_t i = 0; i < b->count; i++)
			tree_forget(t, b->at[i].dir, 1);
		mem_free(b);
		b = next;
	}
	*l = (struct tar_dates){0};
}
