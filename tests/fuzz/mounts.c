/* SPDX-License-Identifier: MIT */
/* A table of mounts, as the kernel writes it, with names that others chose. */
#include "tools/mounts/mounts.h"

#include "text.h"

#include <errno.h>

static FILE *open_table(const uint8_t *data, size_t len)
{
	FILE *f = fmemopen((void *)(uintptr_t)data, len, "r");

	if (f == NULL)
		abort();
	return f;
}

static void find(const uint8_t *data, size_t len, int id)
{
	FILE *f = open_table(data, len);
	char *dir = NULL;
	int err = mounts_find_in(&dir, f, id);

	if ((err == 0) != (dir != NULL) ||
	    (err != 0 && err != -ENOENT && err != -EBUSY && err != -EIO))
		abort();
	free(dir);
	(void)fclose(f);
}

/* Parents may be missing, or go round in circles. */
static void ask(const uint8_t *data, size_t len, const struct mounted *m)
{
	FILE *f = open_table(data, len);

	(void)mounts_is_busy_in(f, m->id, m->dev);
	(void)fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mounted *list = NULL;
	FILE *f;

	if (len == 0)
		return 0;
	f = open_table(data, len);
	if (mounts_parse(&list, f) != 0 && list != NULL)
		abort();
	(void)fclose(f);
	for (const struct mounted *m = list; m != NULL; m = m->next) {
		if (mounts_at(list, m->dir) == NULL)
			abort();
		(void)mounts_of(list, m->vault);
		find(data, len, m->id);
		ask(data, len, m);
	}
	find(data, len, 1);
	mounts_free(list);
	return 0;
}
