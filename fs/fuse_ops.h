/* SPDX-License-Identifier: MIT */
#ifndef TZ_FUSE_OPS_H
#define TZ_FUSE_OPS_H

/* What the session (fuse.c) and the requests (fuse_ops.c) share. */

#include "fuse.h"

#include <fuse_lowlevel.h>
#include <stddef.h>

enum {
	/* The largest write, and so the largest read: what the kernel reads
	 * ahead by default.  More was not faster and is paid in locked memory.
	 */
	FUSE_OPS_MAX_IO = 128 << 10,
};

struct mount {
	struct mount_parts parts;
	struct mount_events events;
	struct mount_view view;
	bool frozen;  /* changes are refused */
	bool greeted; /* the kernel's INIT has come */
	bool ready;   /* ... and was answered */
	bool gone;
	uint8_t *bounce;  /* FUSE_OPS_MAX_IO bytes, locked: replies */
	uint8_t *request; /* locked: what the kernel sends */
	size_t request_size;
	struct fuse_session *session;
};

/* The attributes of n as a mount with view v shows them. */
void fuse_view_stat(const struct mount_view *v, const struct node *n,
		    struct stat *st);

/*
 * An owner that the mount shows in place of the vault's cannot be changed
 * (-EPERM); setting what is shown already changes nothing, and is taken out
 * of *set (tree_setattr()).
 */
int fuse_view_check(const struct mount_view *v, const struct stat *st,
		    unsigned *set);

/* n as an answer that the kernel may keep for ever. */
void fuse_ops_fill_entry(const struct mount *m, const struct node *n,
			 struct fuse_entry_param *e);

/* The node of a request that reads.  NULL: it has been answered. */
struct node *fuse_ops_begin_read(fuse_req_t req, fuse_ino_t ino);

/* Answer a READDIR, or with plus a READDIRPLUS. */
void fuse_dir_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off,
		   bool plus);

/* One function per request; the user data of the session is a struct mount. */
extern const struct fuse_lowlevel_ops fuse_ops;

#endif
