/* SPDX-License-Identifier: MIT */
/* Extended attributes; who may do what is the kernel's to decide. */
#include "acl.h"
#include "fuse_ops.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static bool is_acl(const char *name)
{
	return strcmp(name, ACL_ACCESS) == 0 || strcmp(name, ACL_DEFAULT) == 0;
}

/*
 * May an attribute be called name here?  0, -EOPNOTSUPP or -EINVAL.  Others
 * of the system namespace would mean something, which we do not do.  A mount
 * that shows permissions of its own has no lists.
 */
static int check(const struct mount *m, const char *name)
{
	static const char *const spaces[] = {"user.", "trusted.", "security."};

	if (is_acl(name))
		return m->view.set_umask ? -EOPNOTSUPP : 0;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		size_t len = strlen(spaces[i]);

		if (strncmp(name, spaces[i], len) == 0)
			return name[len] != '\0' ? 0 : -EINVAL;
	}
	return -EOPNOTSUPP;
}

/* Answer with len bytes, or their number if that was asked (size 0). */
static void reply_bytes(fuse_req_t req, const void *bytes, size_t len,
			size_t size)
{
	if (size == 0) {
		(void)fuse_reply_xattr(req, len);
	} else if (len > size) {
		(void)fuse_reply_err(req, ERANGE);
	} else {
		memcpy(fuse_call_mount(req)->bounce, bytes, len);
		fuse_call_bounce(req, (ssize_t)len);
	}
}

int fuse_xattr_set(struct mount *m, struct node *n, const char *name,
		   const struct fuse_xattr_value *v)
{
	const struct xattr_value value = {(const uint8_t *)v->data, v->len};
	bool exists = node_xattr_get(n, name) != NULL;
	struct tree *t = m->parts.tree;
	int err = check(m, name);

	if (err != 0)
		return err;
	if ((v->flags & XATTR_CREATE) && exists)
		return -EEXIST;
	if ((v->flags & XATTR_REPLACE) && !exists)
		return -ENODATA;
	return is_acl(name) ? tree_setacl(t, n, name, &value)
			    : tree_setxattr(t, n, name, &value);
}

int fuse_xattr_remove(struct mount *m, struct node *n, const char *name)
{
	int err = check(m, name);

	if (err == 0)
		err = tree_removexattr(m->parts.tree, n, name);
	/* A list that equals the mode is none, so there always is one. */
	if (err == -ENODATA && is_acl(name)) {
		node_touch_ctime(n);
		err = 0;
	}
	return err;
}

void fuse_xattr_kill_sgid(fuse_req_t req, struct node *n, const char *name)
{
	if (strcmp(name, ACL_ACCESS) == 0 && (n->attr.mode & S_ISGID) &&
	    !fuse_call_is_member(req, n->attr.gid))
		n->attr.mode &= ~(uint32_t)S_ISGID;
}

void fuse_xattr_get(fuse_req_t req, const struct node *n, const char *name,
		    size_t size)
{
	const struct xattr *x = node_xattr_get(n, name);
	int err = check(fuse_req_userdata(req), name);

	if (err != 0)
		(void)fuse_reply_err(req, -err);
	else if (x == NULL)
		(void)fuse_reply_err(req, ENODATA);
	else
		reply_bytes(req, x->value, x->len, size);
}

void fuse_xattr_list(fuse_req_t req, const struct node *n, size_t size)
{
	struct mount *m = fuse_req_userdata(req);
	size_t len = 0;

	for (const struct xattr *x = n->xattrs; x != NULL; x = x->next) {
		size_t part = strlen(x->name) + 1;

		if (check(m, x->name) != 0)
			continue;
		/* These are for CAP_SYS_ADMIN alone to see. */
		if (strncmp(x->name, "trusted.", 8) == 0 &&
		    fuse_req_ctx(req)->uid != 0)
			continue;
		/* listxattr(2) takes no more than 64 KiB. */
		if (len + part > FUSE_OPS_MAX_IO)
			break;
		memcpy(m->bounce + len, x->name, part);
		len += part;
	}
	reply_bytes(req, m->bounce, len, size);
	explicit_bzero(m->bounce, len);
}
