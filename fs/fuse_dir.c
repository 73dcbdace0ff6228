/* SPDX-License-Identifier: MIT */
/* Folders listed for the kernel, with or without attributes. */
#include "fuse_ops.h"

#include <string.h>
#include <sys/stat.h>

/* A listing that is being put together in the bounce buffer. */
struct listing {
	fuse_req_t req;
	struct mount *mount;
	bool plus; /* with attributes, each counting as a lookup */
	size_t len, room;
};

/* Add one name.  False: it does not fit any more. */
static bool list_name(struct listing *l, const char *name, const struct node *n,
		      off_t cookie)
{
	char *at = (char *)l->mount->bounce + l->len;
	struct fuse_entry_param e;
	size_t size;

	fuse_view_entry(&l->mount->view, n, &e);
	if (l->plus)
		size = fuse_add_direntry_plus(l->req, at, l->room - l->len,
					      name, &e, cookie);
	else
		size = fuse_add_direntry(l->req, at, l->room - l->len, name,
					 &e.attr, cookie);
	if (size > l->room - l->len)
		return false;
	l->len += size;
	return true;
}

/* Fill l from the cookie off on. */
static void list_dir(struct listing *l, const struct node *dir, off_t off)
{
	const struct entry *e;

	if (off < 1 && !list_name(l, ".", dir, 1))
		return;
	if (off < 2 && !list_name(l, "..", dir->parent, 2))
		return;
	e = dir_next(&dir->dir, off < DIR_FIRST ? DIR_FIRST : (uint64_t)off);
	for (; e != NULL; e = dir_next(&dir->dir, e->cookie)) {
		if (!list_name(l, e->name, e->node, (off_t)e->cookie))
			return;
		if (l->plus)
			e->node->lookups++;
	}
}

/* Take back the references of a plus listing that never arrived. */
static void unlist(struct listing *l, const struct node *dir, off_t off)
{
	const struct entry *e;
	size_t len = l->len;

	l->len = 0;
	if ((off < 1 && !list_name(l, ".", dir, 1)) ||
	    (off < 2 && !list_name(l, "..", dir->parent, 2)))
		return;
	e = dir_next(&dir->dir, off < DIR_FIRST ? DIR_FIRST : (uint64_t)off);
	for (; e != NULL && l->len < len; e = dir_next(&dir->dir, e->cookie)) {
		(void)list_name(l, e->name, e->node, (off_t)e->cookie);
		tree_forget(l->mount->parts.tree, e->node, 1);
	}
}

void fuse_dir_list(fuse_req_t req, const struct node *dir,
		   const struct fuse_dir_request *what)
{
	struct mount *m = fuse_req_userdata(req);
	struct listing l = {
		.req = req,
		.mount = m,
		.plus = what->plus,
		.room = what->len < FUSE_OPS_MAX_IO ? what->len
						    : FUSE_OPS_MAX_IO,
	};

	/* A removed folder is empty, even of "." and "..". */
	if (dir->nlink > 0)
		list_dir(&l, dir, what->off);
	if (fuse_reply_buf(req, (char *)m->bounce, l.len) != 0 && l.plus &&
	    dir->nlink > 0)
		unlist(&l, dir, what->off);
	explicit_bzero(m->bounce, l.len);
}
