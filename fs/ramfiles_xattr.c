/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes of files.  A filesystem may not have a kind of them, as
 * tmpfs has none of users before Linux 6.6, and ramfs none at all: then those
 * of the tree stay as they are.
 */
#include "acl.h"
#include "crypto/mem.h"
#include "ramfiles_impl.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

enum { PATH_ROOM = NAME_MAX + 32 };

/* A path of the file name in dir for calls that take no descriptor. */
static void path_of(char path[static PATH_ROOM], int dir, const char *name)
{
	(void)snprintf(path, PATH_ROOM, "/proc/self/fd/%d/%s", dir, name);
}

static bool starts_with(const char *name, const char *space)
{
	return strncmp(name, space, strlen(space)) == 0;
}

enum xattr_kind ramfiles_xattr_kind(const char *name)
{
	if (strcmp(name, ACL_ACCESS) == 0 || strcmp(name, ACL_DEFAULT) == 0)
		return XATTR_ACL;
	if (starts_with(name, "user."))
		return XATTR_USER;
	if (starts_with(name, "trusted."))
		return XATTR_TRUSTED;
	/* Others of this space are labels, which each machine makes of its
	 * own. */
	if (strcmp(name, "security.capability") == 0)
		return XATTR_SECURITY;
	return XATTR_KINDS;
}

/* Is that an error of who has no such attributes, or may not set them? */
static bool is_lack(int err)
{
	return err == EOPNOTSUPP || err == EPERM || err == EINVAL;
}

/* Could it be there, if it had it? */
static bool can_have(const struct ramfiles *r, const struct node *n,
		     const char *name)
{
	const enum xattr_kind kind = ramfiles_xattr_kind(name);

	if (kind == XATTR_USER && !S_ISREG(n->attr.mode) &&
	    !S_ISDIR(n->attr.mode))
		return false;
	return kind != XATTR_KINDS && !r->lacks[kind];
}

int ramfiles_write_xattrs(struct ramfiles *r, int dir, const char *name,
			  const struct node *n)
{
	char path[PATH_ROOM];

	path_of(path, dir, name);
	for (const struct xattr *x = n->xattrs; x != NULL; x = x->next) {
		if (!can_have(r, n, x->name) ||
		    lsetxattr(path, x->name, x->value, x->len, 0) == 0)
			continue;
		if (!is_lack(errno))
			return -errno;
		r->lacks[ramfiles_xattr_kind(x->name)] = true;
	}
	return 0;
}

/* Set or remove one, as it is in the file. */
static int set_one(struct tree *t, struct node *n, const char *name,
		   const struct xattr_value *v)
{
	const bool is_acl = ramfiles_xattr_kind(name) == XATTR_ACL;

	return is_acl ? tree_setacl(t, n, name, v)
		      : tree_setxattr(t, n, name, v);
}

/* Is name among the len bytes of names? */
static bool is_among(const char *name, const char *names, size_t len)
{
	for (const char *p = names; p < names + len; p += strlen(p) + 1)
		if (strcmp(p, name) == 0)
			return true;
	return false;
}

/* Remove what the file has no more. */
static void remove_rest(struct ramfiles_file *f, const char *names, size_t len)
{
	struct node *n = f->node;
	struct xattr *x = n->xattrs;

	while (x != NULL) {
		if (!can_have(f->r, n, x->name) ||
		    is_among(x->name, names, len)) {
			x = x->next;
			continue;
		}
		(void)tree_removexattr(f->tree, n, x->name);
		f->differs = true;
		x = n->xattrs;
	}
}

/* Take over one that the file has at path. */
static int take_one(struct ramfiles_file *f, const char *path, const char *name)
{
	uint8_t *buf = f->r->buf;
	ssize_t len = lgetxattr(path, name, buf, XATTR_SIZE_MAX);
	const struct xattr *had = node_xattr_get(f->node, name);
	struct xattr_value v = {buf, (size_t)len};

	if (len < 0)
		return errno == ENODATA || errno == ENOENT ? 0 : -errno;
	if (had != NULL && had->len == v.len &&
	    memcmp(had->value, buf, v.len) == 0)
		return 0;
	f->differs = true;
	return set_one(f->tree, f->node, name, &v);
}

/* What cannot be listed is not what is not there. */
static int list_failed(int err)
{
	return err == EOPNOTSUPP || err == ENOENT ? 0 : -err;
}

int ramfiles_read_xattrs(struct ramfiles_file *f)
{
	char path[PATH_ROOM], *names;
	ssize_t len;
	int err = 0;

	path_of(path, f->dir, f->name);
	len = llistxattr(path, NULL, 0);
	if (len <= 0 && f->node->xattrs == NULL)
		return 0;
	names = mem_alloc(XATTR_LIST_MAX);
	if (names == NULL)
		return -ENOMEM;
	len = llistxattr(path, names, XATTR_LIST_MAX);
	if (len < 0) {
		err = list_failed(errno);
		mem_free(names);
		return err;
	}
	for (const char *p = names; err == 0 && p < names + len;
	     p += strlen(p) + 1)
		if (ramfiles_xattr_kind(p) != XATTR_KINDS)
			err = take_one(f, path, p);
	if (err == 0)
		remove_rest(f, names, (size_t)len);
	mem_free(names);
	return err;
}
