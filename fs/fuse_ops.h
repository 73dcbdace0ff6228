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

/* Seconds that the kernel may keep what it has learnt. */
#define FUSE_OPS_FOR_EVER 1e9

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
void fuse_view_entry(const struct mount_view *v, const struct node *n,
		     struct fuse_entry_param *e);

/* One READDIR, or with plus READDIRPLUS: len bytes from the cookie off on. */
struct fuse_dir_request {
	size_t len;
	off_t off;
	bool plus;
};

/* Answer it for dir. */
void fuse_dir_list(fuse_req_t req, const struct node *dir,
		   const struct fuse_dir_request *what);

/* One function per request; the user data of the session is a struct mount. */
extern const struct fuse_lowlevel_ops fuse_ops;

#endif
