/* SPDX-License-Identifier: MIT */
#ifndef TZ_NODE_H
#define TZ_NODE_H

/* One inode: its attributes, extended attributes and contents, no names. */

#include "body.h"
#include "dir.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* What a node is created with, and what a change of attributes may set. */
struct attr {
	uint32_t mode; /* type and all 12 permission bits, as st_mode */
	uint32_t uid, gid;
	uint64_t rdev; /* of a device, as st_rdev */
	uint64_t size; /* of a regular file: bytes; else not settable */
	struct timespec atime, mtime, ctime;
};

/* A list of extended attributes.  Value and name are one allocation. */
struct xattr {
	struct xattr *next;
	size_t len; /* of value */
	uint8_t *value;
	char name[];
};

/* The bytes from one offset up to another; none if they are equal. */
struct node_span {
	uint64_t from, to;
};

struct node {
	uint64_t ino; /* its index in the tree's table; never 0 */
	uint32_t nlink;
	uint32_t xattr_sealed;	 /* bytes of the records of its attributes */
	uint64_t lookups;	 /* references held by the kernel */
	struct node_span cached; /* what the kernel may have of its contents */
	struct attr attr;
	struct xattr *xattrs;
	uint64_t xattr_bytes;  /* of their names and values */
	uint64_t xattr_weight; /* their part of the tree's weight */
	/* By type of attr.mode: */
	struct body body;    /* regular file */
	char *target;	     /* symbolic link, NUL-terminated */
	struct dir dir;	     /* folder */
	struct node *parent; /* folder: where its ".." leads; root: itself */
	uint32_t mark;	     /* scratch for one walk over the tree at a time */
};

/* Allocate a node.  Its owner frees it.  NULL if there is no memory. */
struct node *node_new(const struct attr *attr);

/* Release n and all it holds, giving its contents back to q. */
void node_free(struct node *n, struct quota *q);

/* Set the times named to now (CLOCK_REALTIME, nanoseconds). */
void node_touch_mtime(struct node *n); /* mtime and ctime */
void node_touch_ctime(struct node *n);

/*
 * Read at most len bytes at off into buf.  Returns their number, 0 at or past
 * the end, or -EIO as body_read().
 */
ssize_t node_read(const struct node *n, uint64_t off, uint8_t *buf, size_t len);

/* Space that the contents take, in bytes. */
uint64_t node_stored(const struct node *n);

/* The value of an extended attribute, or NULL. */
const struct xattr *node_xattr_get(const struct node *n, const char *name);

/* Set or replace one.  len may be 0.  0 or -ENOMEM. */
int node_xattr_set(struct node *n, const char *name, const uint8_t *value,
		   size_t len);

/* Remove one that is there. */
void node_xattr_remove(struct node *n, const char *name);

/* What an attribute called name with len bytes of value counts for. */
uint64_t xattr_size(const char *name, size_t len);

/* What it allocates, and so does every copy of it. */
uint64_t xattr_weight(const char *name, size_t len);

/* Release a list of extended attributes. */
void xattr_free(struct xattr *list);

/* Make *ret a copy of list.  0 or -ENOMEM. */
int xattr_copy(struct xattr **ret, const struct xattr *list);

#endif
