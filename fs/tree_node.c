/* SPDX-License-Identifier: MIT */
/* Changes to one node: its attributes, extended attributes and contents. */
#include "acl.h"
#include "pax.h"
#include "tree_impl.h"

#include "crypto/mem.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h> /* SEEK_DATA */
#include <string.h>
#include <sys/stat.h>

enum { COPY_STEP = 64 << 10 };

/* Beyond this sums of two sizes would no longer fit an off_t. */
#define SIZE_LIMIT (UINT64_C(1) << 62)

static int set_size(struct tree *t, struct node *n, uint64_t size)
{
	int err = 0;

	if (S_ISDIR(n->attr.mode))
		return -EISDIR;
	if (!S_ISREG(n->attr.mode))
		return -EINVAL;
	if (size > SIZE_LIMIT)
		return -EFBIG;
	if (size < n->attr.size)
		err = body_truncate(&n->body, &t->quota, size);
	if (err == 0)
		n->attr.size = size;
	return err;
}

/* An access list goes on saying what the mode says. */
static void set_mode(struct node *n, uint32_t mode)
{
	const struct xattr *acl = node_xattr_get(n, ACL_ACCESS);

	n->attr.mode = (n->attr.mode & S_IFMT) | (mode & 07777);
	if (acl != NULL)
		acl_chmod(acl->value, acl->len, mode);
}

int tree_setattr(struct tree *t, struct node *n, const struct attr *attr,
		 unsigned set)
{
	int err;

	if (set & SET_SIZE) {
		err = set_size(t, n, attr->size);
		if (err != 0)
			return err;
	}
	node_touch_ctime(n);
	if (set & SET_MODE)
		set_mode(n, attr->mode);
	if (set & SET_UID)
		n->attr.uid = attr->uid;
	if (set & SET_GID)
		n->attr.gid = attr->gid;
	if (set & (SET_SIZE | SET_MTIME_NOW))
		n->attr.mtime = n->attr.ctime;
	if (set & SET_ATIME_NOW)
		n->attr.atime = n->attr.ctime;
	if (set & SET_MTIME)
		n->attr.mtime = attr->mtime;
	if (set & SET_ATIME)
		n->attr.atime = attr->atime;
	if (set & SET_CTIME)
		n->attr.ctime = attr->ctime;
	t->changes++;
	return 0;
}

/* What an attribute counts for, by the three measures that there are. */
struct costs {
	uint64_t bytes, weight, sealed;
};

static struct costs costs_of(const char *name, const struct xattr_value *v)
{
	return (struct costs){
		.bytes = xattr_size(name, v->len),
		.weight = xattr_weight(name, v->len),
		.sealed = pax_xattr_size(name, v->data, v->len),
	};
}

/* The same of the attribute of that name that n has, if it has one. */
static struct costs costs_now(const struct node *n, const char *name)
{
	const struct xattr *x = node_xattr_get(n, name);
	struct xattr_value v;

	if (x == NULL)
		return (struct costs){0};
	v = (struct xattr_value){x->value, x->len};
	return costs_of(name, &v);
}

bool tree_xattr_fits(const struct node *n, const char *name,
		     const struct xattr_value *value)
{
	return n->xattr_sealed - costs_now(n, name).sealed +
		       costs_of(name, value).sealed <=
	       TREE_XATTR_MAX;
}

int tree_setxattr(struct tree *t, struct node *n, const char *name,
		  const struct xattr_value *value)
{
	struct costs had = costs_now(n, name), need = costs_of(name, value);
	int err;

	if (strlen(name) > XATTR_NAME_MAX)
		return -ERANGE;
	if (value->len > XATTR_SIZE_MAX)
		return -E2BIG;
	if (!tree_xattr_fits(n, name, value) ||
	    (need.bytes > had.bytes &&
	     t->quota.limit - t->quota.used < need.bytes - had.bytes))
		return -ENOSPC;
	err = tree_grow(t, need.weight);
	if (err != 0)
		return err;
	err = node_xattr_set(n, name, value->data, value->len);
	if (err != 0) {
		t->weight -= need.weight;
		return err;
	}
	t->weight -= had.weight;
	n->xattr_weight += need.weight - had.weight;
	n->xattr_sealed += (uint32_t)(need.sealed - had.sealed);
	t->quota.used += need.bytes - had.bytes;
	node_touch_ctime(n);
	t->changes++;
	return 0;
}

static int check_range(const struct node *n, uint64_t off, uint64_t len)
{
	if (S_ISDIR(n->attr.mode))
		return -EISDIR;
	if (!S_ISREG(n->attr.mode))
		return -EINVAL;
	return off > SIZE_LIMIT || len > SIZE_LIMIT - off ? -EFBIG : 0;
}

ssize_t tree_write(struct tree *t, struct node *n, uint64_t off,
		   const uint8_t *buf, size_t len)
{
	ssize_t done = check_range(n, off, len);

	if (done == 0 &&
	    (off + len > n->attr.size || body_would_grow(&n->body, off, len)))
		done = tree_grow(t, 0);
	if (done != 0)
		return done;
	done = body_write(&n->body, &t->quota, off, buf, len);
	if (done <= 0)
		return done;
	if (n->attr.size < off + (uint64_t)done)
		n->attr.size = off + (uint64_t)done;
	node_touch_mtime(n);
	t->changes++;
	return done;
}

int tree_removexattr(struct tree *t, struct node *n, const char *name)
{
	struct costs had = costs_now(n, name);

	if (node_xattr_get(n, name) == NULL)
		return -ENODATA;
	node_xattr_remove(n, name);
	t->quota.used -= had.bytes;
	t->weight -= had.weight;
	n->xattr_weight -= had.weight;
	n->xattr_sealed -= (uint32_t)had.sealed;
	node_touch_ctime(n);
	t->changes++;
	return 0;
}

/* A change of contents: its times, and the number of changes. */
static void changed(struct tree *t, struct node *n)
{
	node_touch_mtime(n);
	t->changes++;
}

int tree_allocate(struct tree *t, struct node *n, uint64_t off, uint64_t len)
{
	int err = check_range(n, off, len);

	if (err == 0)
		err = tree_grow(t, 0);
	if (err != 0)
		return err;
	err = body_allocate(&n->body, &t->quota, off, len);
	if (err != 0)
		return err;
	if (len > 0 && n->attr.size < off + len)
		n->attr.size = off + len;
	changed(t, n);
	return 0;
}

int tree_zero(struct tree *t, struct node *n, uint64_t off, uint64_t len)
{
	int err = check_range(n, off, len);

	if (err != 0)
		return err;
	err = body_punch(&n->body, &t->quota, off, len);
	/* Some of it may be done all the same. */
	changed(t, n);
	return err;
}

int tree_seek(uint64_t *ret, const struct node *n, uint64_t off, int whence)
{
	uint64_t found;

	if (off >= n->attr.size)
		return -ENXIO;
	if (whence == SEEK_DATA) {
		found = body_next_data(&n->body, off);
		if (found >= n->attr.size)
			return -ENXIO;
	} else if (whence == SEEK_HOLE) {
		found = body_next_hole(&n->body, off, n->attr.size);
		if (found > n->attr.size)
			found = n->attr.size;
	} else {
		return -EINVAL;
	}
	*ret = found;
	return 0;
}

ssize_t tree_copy(struct tree *t, const struct tree_range *from,
		  const struct tree_range *to, size_t len)
{
	uint64_t in = from->off, out = to->off;
	uint8_t *buf;
	ssize_t done = 0;
	size_t total = 0;

	if (!S_ISREG(from->node->attr.mode) || !S_ISREG(to->node->attr.mode))
		return -EINVAL;
	buf = mem_alloc(COPY_STEP);
	if (buf == NULL)
		return -ENOMEM;
	while (total < len) {
		size_t n = len - total < COPY_STEP ? len - total : COPY_STEP;

		done = node_read(from->node, in, buf, n);
		if (done > 0)
			done = tree_write(t, to->node, out, buf, (size_t)done);
		if (done <= 0)
			break;
		in += (uint64_t)done;
		out += (uint64_t)done;
		total += (size_t)done;
	}
	mem_free(buf);
	return total > 0 ? (ssize_t)total : done;
}

void tree_kill_privileges(struct tree *t, struct node *n, bool member)
{
	uint32_t mode = n->attr.mode & ~(uint32_t)S_ISUID;

	if (S_ISDIR(n->attr.mode))
		return;
	/* Without group execution, set-gid meant mandatory locking. */
	if ((mode & S_IXGRP) || !member)
		mode &= ~(uint32_t)S_ISGID;
	if (mode != n->attr.mode) {
		n->attr.mode = mode;
		node_touch_ctime(n);
		t->changes++;
	}
	(void)tree_removexattr(t, n, "security.capability");
}
