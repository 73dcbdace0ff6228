/* SPDX-License-Identifier: MIT */
#ifndef TZ_MOUNTS_H
#define TZ_MOUNTS_H

/* Which vaults are mounted, from the kernel's table (proc(5), mountinfo). */

#include <stddef.h>
#include <sys/types.h>

/* One mount of ours. */
struct mounted {
	char *dir;   /* mount point */
	char *vault; /* path of the vault file */
	dev_t dev;   /* names its control socket */
	uid_t owner; /* who mounted it */
};

struct mounts {
	struct mounted *list;
	size_t count;
};

/* All tazpodfs mounts in sight.  The caller frees *ret.  0 or -errno. */
int mounts_read(struct mounts *ret);

/* The last mount at dir, or NULL. */
const struct mounted *mounts_at(const struct mounts *m, const char *dir);

/* The last mount of the vault at path, or NULL. */
const struct mounted *mounts_of(const struct mounts *m, const char *path);

void mounts_free(struct mounts *m);

#endif
