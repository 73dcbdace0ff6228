/* SPDX-License-Identifier: MIT */
/* What a mount shows of a node, which may differ from what the vault holds. */
#include "fuse_ops.h"

#include <errno.h>
#include <sys/stat.h>

void fuse_view_stat(const struct backend_view *v, const struct node *n,
		    struct stat *st)
{
	const struct attr *a = &n->attr;

	*st = (struct stat){
		.st_ino = n->ino,
		.st_mode = a->mode,
		.st_nlink = n->nlink,
		.st_uid = v->set_uid ? v->uid : a->uid,
		.st_gid = v->set_gid ? v->gid : a->gid,
		.st_rdev = a->rdev,
		.st_size = (off_t)a->size,
		.st_blocks = (blkcnt_t)(body_data(&n->body) / 512),
		/* stdio writes in pieces of this, a request each. */
		.st_blksize = FUSE_OPS_MAX_IO,
		.st_atim = a->atime,
		.st_mtim = a->mtime,
		.st_ctim = a->ctime,
	};
	if (v->set_umask && !S_ISLNK(a->mode))
		st->st_mode = (a->mode & S_IFMT) | (0777 & ~v->umask);
}

void fuse_view_entry(const struct backend_view *v, const struct node *n,
		     struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = n->ino,
		.attr_timeout = FUSE_OPS_FOR_EVER,
		.entry_timeout = FUSE_OPS_FOR_EVER,
	};
	fuse_view_stat(v, n, &e->attr);
}

int fuse_view_check(const struct backend_view *v, const struct stat *st,
		    unsigned *set)
{
	if ((*set & SET_UID) && v->set_uid) {
		if (st->st_uid != v->uid)
			return -EPERM;
		*set &= ~(unsigned)SET_UID;
	}
	if ((*set & SET_GID) && v->set_gid) {
		if (st->st_gid != v->gid)
			return -EPERM;
		*set &= ~(unsigned)SET_GID;
	}
	return 0;
}
