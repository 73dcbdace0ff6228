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

/* Others of the system namespace would mean something, which we do not do. */
static bool is_supported(const char *name)
{
	return is_acl(name) || strncmp(name, "user.", 5) == 0 ||
	       strncmp(name, "trusted.", 8) == 0 ||
	       strncmp(name, "security.", 9) == 0;
}

/* Answer with len bytes, or their number if that was asked (size 0). */
static void reply_bytes(fuse_req_t req, const void *bytes, size_t len,
			size_t size)
{
	if (size == 0)
		(void)fuse_reply_xattr(req, len);
	else if (len > size)
		(void)fuse_reply_err(req, ERANGE);
	else
		(void)fuse_reply_buf(req, bytes, len);
}

int fuse_xattr_set(struct tree *t, struct node *n, const char *name,
		   const struct fuse_xattr_value *v)
{
	const struct xattr_value value = {(const uint8_t *)v->data, v->len};
	bool exists = node_xattr_get(n, name) != NULL;

	if (!is_supported(name))
		return -EOPNOTSUPP;
	if ((v->flags & XATTR_CREATE) && exists)
		return -EEXIST;
	if ((v->flags & XATTR_REPLACE) && !exists)
		return -ENODATA;
	return is_acl(name) ? tree_setacl(t, n, name, &value)
			    : tree_setxattr(t, n, name, &value);
}

/* Is the caller of req root or of group gid? */
static bool is_member(fuse_req_t req, uint32_t gid)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	gid_t groups[64];
	int n;

	if (ctx->uid == 0 || ctx->gid == gid)
		return true;
	n = fuse_req_getgroups(req, 64, groups);
	for (int i = 0; i < n && i < 64; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

void fuse_xattr_kill_sgid(fuse_req_t req, struct node *n, const char *name)
{
	if (strcmp(name, ACL_ACCESS) == 0 && (n->attr.mode & S_ISGID) &&
	    !is_member(req, n->attr.gid))
		n->attr.mode &= ~(uint32_t)S_ISGID;
}

void fuse_xattr_get(fuse_req_t req, const struct node *n, const char *name,
		    size_t size)
{
	const struct xattr *x = node_xattr_get(n, name);

	if (!is_supported(name))
		(void)fuse_reply_err(req, EOPNOTSUPP);
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

		/* listxattr(2) takes no more than 64 KiB. */
		if (len + part > FUSE_OPS_MAX_IO)
			break;
		memcpy(m->bounce + len, x->name, part);
		len += part;
	}
	reply_bytes(req, m->bounce, len, size);
	explicit_bzero(m->bounce, len);
}
