/* SPDX-License-Identifier: MIT */
#ifndef TZ_RAMFILES_H
#define TZ_RAMFILES_H

/*
 * A tree shown as files on a filesystem in memory, tmpfs or ramfs (tmpfs(5)),
 * for where there is no FUSE.  The kernel serves them; so nothing here is asked
 * when a file is opened, and nothing can be refused.
 *
 * The filesystem is made and filled where nobody sees it, and then attached to
 * its folder, whole.  From then on inotify(7) tells that something has changed,
 * and the files are walked: the tree becomes what they are, each of them whole,
 * as it is or as it was.  What the filesystem cannot hold of the tree's, such
 * as other owners, or attributes on a ramfs, stays in the tree.
 */

#include "backend.h"
#include "loop.h"
#include "tree.h"

#include <stdbool.h>
#include <sys/types.h>

struct ramfiles;

struct ramfiles_options {
	const char *source; /* the vault's path */
	bool is_ramfs;	    /* else tmpfs */
	uint64_t size;	    /* bytes; a ramfs has no limit */
	uint64_t nr_inodes;
	bool read_only;
	bool executable;  /* programs in it may be run */
	bool allow_other; /* its root folder keeps its permissions */
	bool counts_use;  /* backend_uses() is going to be asked */
	struct backend_view view;
};

/* Who may change the filesystem. */
enum ramfiles_writers {
	RAMFILES_ALL,
	RAMFILES_NOBODY,
	RAMFILES_US /* through no mount that others have */
};

/* All borrowed. */
struct ramfiles_parts {
	struct tree *tree;
	struct loop *loop;
	/*
	 * Let only those write.  root is a descriptor of the filesystem's root.
	 * 0, -EBUSY if a file is open for writing, or another -errno.
	 */
	int (*restrict_writers)(void *ctx, int root, enum ramfiles_writers who);
	void *ctx;
};

/*
 * How a mount of this kind is called in the kernel's table, for the user who
 * made it: "tazpodfs:UID:PATH".  The caller frees it.  NULL: no memory.
 */
char *ramfiles_source(uint32_t uid, const char *vault);

/* The other way round: the path in source, and *uid; or NULL. */
const char *ramfiles_vault(uint32_t *uid, const char *source);

/*
 * Make the filesystem, see that it is one, and fill it from the tree.  Nobody
 * sees it yet.  The caller ends *ret (ramfiles_backend()).
 *
 * 0, -ENOMEM, -EPERM if this process may not mount, -ENOSPC if the tree does
 * not fit into its size, -ENAMETOOLONG for a source that the kernel does not
 * take, or another -errno; -ENOTSUP if what was made is not
 * what was asked for.
 */
int ramfiles_new(struct ramfiles **ret, const struct ramfiles_parts *parts,
		 const struct ramfiles_options *options,
		 const struct backend_events *events);

/* Its device number, and the id that its mount is going to have in mountinfo;
 * that is -1 before Linux 5.8. */
dev_t ramfiles_device(const struct ramfiles *r);
int ramfiles_mount_id(const struct ramfiles *r);

/* May the kernel swap it out?  It was asked not to. */
bool ramfiles_is_swappable(const struct ramfiles *r);

/*
 * Mount it at dir, an open folder (O_PATH).  Nothing is attached after an
 * error, which is move_mount(2)'s or open_tree(2)'s.
 */
int ramfiles_attach(struct ramfiles *r, int dir);

/*
 * Does the process live that has made the filesystem with the root that path
 * names?  It has a lock on that folder, which says so in every namespace.  True
 * if that cannot be found out.
 */
bool ramfiles_is_guarded(const char *path);

/* It as a backend. */
struct backend *ramfiles_backend(struct ramfiles *r);

#endif
