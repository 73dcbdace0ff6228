/* SPDX-License-Identifier: MIT */
#ifndef TZ_TREE_H
#define TZ_TREE_H

/*
 * The vault as a tree of nodes in locked memory.  It follows POSIX in what
 * each call does to link counts and times, and checks no permissions: the
 * kernel does (default_permissions).  A tree has one user
 * at a time.
 *
 * A node lives while it has a name or the kernel knows it (lookups), so an
 * unlinked file stays usable while it is open.  Errors are -errno, as the
 * system calls of the same names give: -ENOSPC where a limit of the tree is
 * reached, and from every call that adds something -ENOMEM where no more
 * memory can be locked.
 */

#include "node.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TREE_ROOT = 1, /* the root's inode number */
	/* Folders below the root in a row, and bytes that the extended
	 * attributes of one node take in an archive.  There two whole paths and
	 * all attributes share a header that readers take up to 1 MiB of. */
	TREE_DEPTH_MAX = 1024,
	TREE_XATTR_MAX = 256 << 10,
};

/* The Go program's sealed passphrase: such a file is never kept. */
#define TREE_RESERVED ".vault_pass"

struct tree_limits {
	uint64_t
		bytes; /* contents as allocated, targets, extended attributes */
	uint64_t nodes; /* a further hard link counts as one, as on tmpfs */
	/*
	 * Called before the tree grows to a weight, the bytes that a snapshot
	 * of it allocates.  0, or an error that the growth then fails with.
	 * May be NULL.
	 */
	int (*reserve)(uint64_t weight);
};

struct tree_usage {
	struct tree_limits limit, used;
	uint64_t files;	  /* nodes that are not folders */
	uint64_t folders; /* with the root */
};

struct tree;

/* An empty tree whose root has the given attributes.  0, -ENOMEM or -EIO. */
int tree_new(struct tree **ret, const struct tree_limits *limits,
	     const struct attr *root);

/* Wipe and release t.  NULL is a no-op. */
void tree_free(struct tree *t);

/* The node with number ino, or NULL if there is none (any more). */
struct node *tree_node(const struct tree *t, uint64_t ino);

/* The node with the lowest number from ino on, or NULL after the last. */
struct node *tree_next(const struct tree *t, uint64_t ino);

/*
 * From now on allocate ahead for files that grow by small pieces, and grow only
 * as long as there is slack in memory.  Before, a tree takes no more memory
 * than it needs, and may take the slack: what was sealed has to fit again.
 */
void tree_allocate_ahead(struct tree *t);

struct tree_usage tree_usage(const struct tree *t);

/*
 * A number that grows with every change that a seal would show.  Equal
 * numbers mean equal trees.
 */
uint64_t tree_changes(const struct tree *t);

/* Find name in dir.  0, -ENOENT, -ENOTDIR or -ENAMETOOLONG. */
int tree_lookup(struct node **ret, const struct tree *t, const struct node *dir,
		const char *name);

/* What tree_create() makes. */
struct tree_birth {
	struct attr attr;
	const char *target;
	uint32_t umask; /* taken from the mode where no default list rules */
	bool is_loaded; /* just as it says: its folder has nothing to add */
};

/*
 * Make a node called name in dir, of any type; attr's size is ignored, its
 * times are set to now.  target is a symbolic link's, else NULL.  A set-gid
 * folder passes on its group, and to folders the bit too.  A folder's default
 * access control list gives mode and lists to what is made in it (acl.h).  The
 * node starts without lookups.
 *
 * Returns 0, -EEXIST, -ENOENT (dir was removed), -ENOTDIR, -ENAMETOOLONG (a
 * name, a target, or deeper than TREE_DEPTH_MAX), -EINVAL (not a name), -EPERM
 * (TREE_RESERVED) or -ENOSPC.
 */
int tree_create(struct node **ret, struct tree *t, struct node *dir,
		const char *name, const struct tree_birth *what);

/*
 * Give n, not a folder, one more name.  Errors as tree_create(), -EPERM for a
 * folder, and -ENOENT for a node that has no name any more.
 */
int tree_link(struct tree *t, struct node *n, struct node *dir,
	      const char *name);

/* Remove a name of anything but a folder.  -ENOENT, -EISDIR. */
int tree_unlink(struct tree *t, struct node *dir, const char *name);

/* Remove an empty folder.  -ENOENT, -ENOTDIR, -ENOTEMPTY. */
int tree_rmdir(struct tree *t, struct node *dir, const char *name);

/* A name and the folder that it is in. */
struct tree_place {
	struct node *dir;
	const char *name;
};

/*
 * Rename, replacing what is at to.  flags are renameat2(2)'s RENAME_NOREPLACE
 * and RENAME_EXCHANGE; others -EINVAL.  Errors as rename(2)'s.
 */
int tree_rename(struct tree *t, const struct tree_place *from,
		const struct tree_place *to, unsigned flags);

/* What tree_setattr() is to set. */
enum {
	SET_MODE = 1 << 0,
	SET_UID = 1 << 1,
	SET_GID = 1 << 2,
	SET_SIZE = 1 << 3,
	SET_ATIME = 1 << 4,
	SET_MTIME = 1 << 5,
	SET_ATIME_NOW = 1 << 6,
	SET_MTIME_NOW = 1 << 7,
	SET_CTIME = 1 << 8, /* instead of now */
};

/*
 * Change attributes of n all at once; ctime is set to now, and mtime too
 * with a size.  The type bits of mode are kept.  0, -EISDIR or -EINVAL (size
 * of something else than a file), -EFBIG or -ENOSPC.
 */
int tree_setattr(struct tree *t, struct node *n, const struct attr *attr,
		 unsigned set);

struct xattr_value {
	const uint8_t *data;
	size_t len;
};

/* Is there room in n for an attribute, as to TREE_XATTR_MAX? */
bool tree_xattr_fits(const struct node *n, const char *name,
		     const struct xattr_value *value);

/*
 * Set an extended attribute.  0, -ERANGE or -E2BIG (a name or a value that is
 * too long for xattr(7)), -ENOSPC or -ENOMEM.
 */
int tree_setxattr(struct tree *t, struct node *n, const char *name,
		  const struct xattr_value *value);

/*
 * Set an access control list: name is ACL_ACCESS or ACL_DEFAULT (acl.h).  An
 * access list sets the mode's permissions, and is not kept if it says no more
 * than they do.  0, -EINVAL (acl_is_valid()), -EACCES (a default list of no
 * folder), -ENOSPC or -ENOMEM.
 */
int tree_setacl(struct tree *t, struct node *n, const char *name,
		const struct xattr_value *acl);

/* Remove one.  0 or -ENODATA. */
int tree_removexattr(struct tree *t, struct node *n, const char *name);

/*
 * Clear what POSIX says a write or a change of owner by the unprivileged
 * clears: set-uid, set-gid with group execution or of a group that the caller
 * is no member of, and file capabilities.
 */
void tree_kill_privileges(struct tree *t, struct node *n, bool member);

/*
 * Write to a regular file, growing it as needed.  Returns the bytes written,
 * -EISDIR, -EINVAL (not a file), -EFBIG, -ENOSPC or -ENOMEM.
 */
ssize_t tree_write(struct tree *t, struct node *n, uint64_t off,
		   const uint8_t *buf, size_t len);

/*
 * Take space for len bytes at off of a file, growing it if they pass its end.
 * Errors as above; no space is taken then.
 */
int tree_allocate(struct tree *t, struct node *n, uint64_t off, uint64_t len);

/* Make len bytes at off of a file a hole; its size stays.  Errors as above. */
int tree_zero(struct tree *t, struct node *n, uint64_t off, uint64_t len);

/*
 * lseek(2)'s SEEK_DATA and SEEK_HOLE; n is not changed.  0, -ENXIO past the
 * end or without more data, -EINVAL for another whence.
 */
int tree_seek(uint64_t *ret, const struct node *n, uint64_t off, int whence);

/* A place in a file. */
struct tree_range {
	struct node *node;
	uint64_t off;
};

/*
 * Copy len bytes, which do not overlap.  Returns how many, fewer at the end of
 * the file or of the space; or as tree_write().
 */
ssize_t tree_copy(struct tree *t, const struct tree_range *from,
		  const struct tree_range *to, size_t len);

/*
 * Make in dir a copy called name of like, a node of another tree: it has all of
 * it but its names, its times too, and shares its contents.  A folder's copy is
 * empty.  Errors as tree_create(), and -ENOMEM.
 */
int tree_adopt(struct node **ret, struct tree *t, struct node *dir,
	       const char *name, const struct node *like);

/* Give n all extended attributes of like, as above.  -ENOSPC or -ENOMEM. */
int tree_adopt_xattrs(struct tree *t, struct node *n, const struct node *like);

/*
 * Let t hold what with holds, and with what t held.  t keeps the limits that
 * its usage tells; and its count of changes, but for one more if it differs.
 * No kernel may know nodes of t.  0, or the error of t's reserve, and then
 * nothing has changed.
 */
int tree_replace(struct tree *t, struct tree *with, bool differs);

/* The kernel drops count references to n, which may end it. */
void tree_forget(struct tree *t, struct node *n, uint64_t count);

#endif
