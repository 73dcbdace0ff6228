/* SPDX-License-Identifier: MIT */
#ifndef TZ_MOUNTS_H
#define TZ_MOUNTS_H

/* Which vaults are mounted, from the kernel's table (proc(5), mountinfo). */

#include <sys/types.h>

/* One mount of ours. */
struct mounted {
	struct mounted *next;
	char *dir;   /* mount point */
	char *vault; /* path of the vault file */
	dev_t dev;   /* names its control socket */
	uid_t owner; /* who mounted it */
};

/*
 * All tazpodfs mounts in sight as a list, the newest first.  The caller frees
 * *ret.  0 or -errno.
 */
int mounts_read(struct mounted **ret);

/* The newest mount at dir, or NULL. */
const struct mounted *mounts_at(const struct mounted *list, const char *dir);

/* The newest mount of the vault at path, or NULL. */
const struct mounted *mounts_of(const struct mounted *list, const char *path);

/* Release a list.  NULL is a no-op. */
void mounts_free(struct mounted *list);

#endif
