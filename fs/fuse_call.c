/* SPDX-License-Identifier: MIT */
/* What every request begins and ends with. */
#include "fuse_ops.h"

#include <errno.h>
#include <string.h>

struct mount *fuse_call_mount(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct node *node_of(fuse_req_t req, fuse_ino_t ino)
{
	return tree_node(fuse_call_mount(req)->parts.tree, ino);
}

void fuse_call_err(fuse_req_t req, int err)
{
	(void)fuse_reply_err(req, -err);
}

struct node *fuse_call_read(fuse_req_t req, fuse_ino_t ino)
{
	struct node *n = node_of(req, ino);

	/* A number that means nothing: no honest kernel sends one. */
	if (n == NULL)
		fuse_call_err(req, -ESTALE);
	return n;
}

struct node *fuse_call_write(fuse_req_t req, fuse_ino_t ino)
{
	if (fuse_call_mount(req)->frozen) {
		fuse_call_err(req, -EIO);
		return NULL;
	}
	/* The kernel's side of a mount can be made writable behind our back. */
	if (fuse_call_mount(req)->parts.saver == NULL) {
		fuse_call_err(req, -EROFS);
		return NULL;
	}
	return fuse_call_read(req, ino);
}

bool fuse_call_is_member(fuse_req_t req, uint32_t gid)
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

void fuse_call_bounce(fuse_req_t req, ssize_t len)
{
	struct mount *m = fuse_call_mount(req);

	if (len < 0) {
		fuse_call_err(req, (int)len);
		return;
	}
	(void)fuse_reply_buf(req, (char *)m->bounce, (size_t)len);
	explicit_bzero(m->bounce, (size_t)len);
}

void fuse_call_count(fuse_req_t req, ssize_t done)
{
	if (done < 0)
		fuse_call_err(req, (int)done);
	else
		(void)fuse_reply_write(req, (size_t)done);
}
