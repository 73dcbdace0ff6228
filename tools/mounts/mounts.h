/* SPDX-License-Identifier: MIT */
#ifndef TZ_MOUNTS_H
#define TZ_MOUNTS_H

/*
 * Which vaults are mounted, from the kernel's table (proc(5), mountinfo): by
 * FUSE, of the type "fuse.tazpodfs", or as files in memory, whose source tells
 * (ramfiles_source()).
 */

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* One mount of ours. */
struct mounted {
	struct mounted *next;
	int id;	    /* of the mount, as mountinfo has it */
	char *dir;  /* mount point */
	char *type; /* of the filesystem, and its source, as mountinfo has */
	char *source;
	bool is_fuse;
	bool is_part; /* a folder of it alone, by a bind mount */
	char *vault;  /* path of the vault file */
	dev_t dev;    /* names its control socket */
	uid_t owner;  /* who mounted it */
};

/*
 * All tazpodfs mounts in sight as a list, the newest first.  The caller frees
 * *ret.  0 or -errno.
 */
int mounts_read(struct mounted **ret);

/* The same, from a table in the form of mountinfo. */
int mounts_parse(struct mounted **ret, FILE *table);

/* The newest mount at dir, or NULL. */
const struct mounted *mounts_at(const struct mounted *list, const char *dir);

/* The mount with that id, or NULL. */
const struct mounted *mounts_with(const struct mounted *list, int id);

/* This user's newest mount of the whole vault at path, or NULL. */
const struct mounted *mounts_of(const struct mounted *list, const char *path);

/*
 * Where the mount with that id is by now, from the table alone: the caller may
 * be the one that has to answer whoever looks at the mount itself.  The caller
 * frees *ret.  0, -ENOENT if it is not in sight, -EBUSY if something else is
 * mounted over it, or another -errno.
 */
int mounts_find(char **ret, int id);

/* The same, from a table in the form of mountinfo. */
int mounts_find_in(char **ret, FILE *table, int id);

/*
 * Is the mount with that id and device number in sight?  The id alone may be
 * another's a moment after it has gone.  Takes no memory to speak of, however
 * many mounts there are.  True also if that cannot be known.
 */
bool mounts_have(int id, dev_t dev);

/*
 * Is anything mounted in, or over, the mount with that id and device number,
 * but parts of itself?
 */
bool mounts_is_busy(int id, dev_t dev);

/* The same, from a table in the form of mountinfo.  True if it is none. */
bool mounts_is_busy_in(FILE *table, int id, dev_t dev);

/* Release a list.  NULL is a no-op. */
void mounts_free(struct mounted *list);

#endif
