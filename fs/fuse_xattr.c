/* SPDX-License-Identifier: MIT */
/* Extended attributes; who may do what is the kernel's to decide. */
#include "fuse_ops.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

/* Those of the system namespace mean something, which we do not do. */
static bool is_supported(const char *name)
{
	return strncmp(name, "user.", 5) == 0 ||
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
	return tree_setxattr(t, n, name, &value);
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
