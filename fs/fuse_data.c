/* SPDX-License-Identifier: MIT */
/* The contents of files. */
#include "fuse_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

/* Copies are made a piece at a time, so that nobody waits for a large one. */
enum { COPY_MAX = 1 << 20 };

void fuse_data_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off,
		    struct fuse_file_info *fi)
{
	struct mount *m = fuse_call_mount(req);
	struct node *n = fuse_call_read(req, ino);
	ssize_t done;

	(void)fi;
	if (n == NULL)
		return;
	/* A short answer would be taken for the end of the file. */
	if (len > FUSE_OPS_MAX_IO) {
		fuse_call_err(req, -EIO);
		return;
	}
	done = node_read(n, (uint64_t)off, m->bounce, len);
	if (done > 0 && !fuse_patch_is_direct(m->request))
		fuse_scrub_note(n, (uint64_t)off, (uint64_t)done);
	fuse_call_bounce(req, done);
}

/*
 * With writeback the kernel keeps the times of files and sends its own, maybe
 * before the data.  Put back those that a change has just set.
 */
static void leave_times(const struct mount *m, struct node *n,
			const struct attr *before)
{
	if (!m->writeback)
		return;
	n->attr.mtime = before->mtime;
	n->attr.ctime = before->ctime;
}

/* Must a write be durable before it is answered? */
static bool is_synced(const struct mount *m, const struct fuse_file_info *fi)
{
	/* Only with direct I/O no FSYNC comes after such a write. */
	return m->no_cache && !fi->writepage && (fi->flags & O_DSYNC) != 0;
}

/* libfuse fixes the number of parameters.  NOLINTNEXTLINE */
void fuse_data_write(fuse_req_t req, fuse_ino_t ino, const char *buf,
		     size_t len, off_t off, struct fuse_file_info *fi)
{
	struct mount *m = fuse_call_mount(req);
	struct node *n = tree_node(m->parts.tree, ino);
	struct attr old;
	ssize_t done;

	/* What is refused is cached all the same. */
	if (n != NULL && !fuse_patch_is_direct(m->request))
		fuse_scrub_note(n, (uint64_t)off, len);
	n = fuse_call_write(req, ino);
	if (n == NULL)
		return;
	old = n->attr;
	done = tree_write(m->parts.tree, n, (uint64_t)off, (const uint8_t *)buf,
			  len);
	if (fi->writepage)
		leave_times(m, n, &old);
	if (done > 0 && fuse_patch_kills(m->request))
		tree_kill_privileges(m->parts.tree, n,
				     fuse_call_is_member(req, n->attr.gid));
	/* With direct I/O the kernel leaves this to us, whoever writes. */
	if (done > 0 && !fi->writepage && n->xattrs != NULL)
		(void)tree_removexattr(m->parts.tree, n, "security.capability");
	if (done > 0 && is_synced(m, fi))
		fuse_sync(req, done);
	else
		fuse_call_count(req, done);
}

void fuse_data_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = fuse_call_mount(req);

	if (!m->no_cache) {
		/* Once said, it is never asked again. */
		fuse_call_err(req, -ENOSYS);
		return;
	}
	if (fuse_call_read(req, ino) == NULL)
		return;
	fi->direct_io = 1;
	(void)fuse_reply_open(req, fi);
}

void fuse_data_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	struct node *n = fuse_call_read(req, ino);
	uint64_t found;
	int err;

	(void)fi;
	if (n == NULL)
		return;
	/* What the kernel has gathered is no hole: let it look by itself. */
	if (fuse_call_mount(req)->writeback) {
		fuse_call_err(req, -ENOSYS);
		return;
	}
	err = off < 0 ? -ENXIO : tree_seek(&found, n, (uint64_t)off, whence);
	if (err != 0)
		fuse_call_err(req, err);
	else
		(void)fuse_reply_lseek(req, (off_t)found);
}

static int allocate(struct tree *t, struct node *n, int mode,
		    const struct tree_range *at, uint64_t len)
{
	uint64_t end = at->off + len;
	bool keep = (mode & FALLOC_FL_KEEP_SIZE) != 0;
	int err;

	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case 0:
		/* Beyond the end there is nothing to prepare. */
		if (keep && end > n->attr.size)
			end = n->attr.size;
		return tree_allocate(t, n, at->off,
				     end > at->off ? end - at->off : 0);
	case FALLOC_FL_PUNCH_HOLE:
		return keep ? tree_zero(t, n, at->off, len) : -EOPNOTSUPP;
	case FALLOC_FL_ZERO_RANGE:
		err = tree_zero(t, n, at->off, len);
		return err != 0 ? err
				: allocate(t, n, mode & FALLOC_FL_KEEP_SIZE, at,
					   len);
	default:
		return -EOPNOTSUPP;
	}
}

/* libfuse fixes the number of parameters.  NOLINTNEXTLINE */
void fuse_data_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
			 off_t len, struct fuse_file_info *fi)
{
	struct node *n = fuse_call_write(req, ino);
	const struct tree_range at = {n, (uint64_t)off};
	struct mount *m = fuse_call_mount(req);
	struct tree *t = m->parts.tree;
	struct attr old;
	int err;

	(void)fi;
	if (n == NULL)
		return;
	old = n->attr;
	err = allocate(t, n, mode, &at, (uint64_t)len);
	leave_times(m, n, &old);
	if (err == 0 && fuse_req_ctx(req)->uid != 0)
		tree_kill_privileges(t, n,
				     fuse_call_is_member(req, n->attr.gid));
	fuse_call_err(req, err);
}

/* libfuse fixes the number of parameters.  NOLINTNEXTLINE */
void fuse_data_copy(fuse_req_t req, fuse_ino_t in, off_t off_in,
		    struct fuse_file_info *fi_in, fuse_ino_t out, off_t off_out,
		    struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct tree_range from = {fuse_call_read(req, in), (uint64_t)off_in},
			  to;
	struct mount *m = fuse_call_mount(req);
	struct tree *t = m->parts.tree;
	struct attr old;
	ssize_t done;

	(void)fi_in;
	(void)fi_out;
	if (from.node == NULL)
		return;
	to = (struct tree_range){fuse_call_write(req, out), (uint64_t)off_out};
	if (to.node == NULL)
		return;
	if (flags != 0) {
		fuse_call_err(req, -EINVAL);
		return;
	}
	old = to.node->attr;
	done = tree_copy(t, &from, &to, len < COPY_MAX ? len : COPY_MAX);
	leave_times(m, to.node, &old);
	if (done > 0 && fuse_req_ctx(req)->uid != 0)
		tree_kill_privileges(
			t, to.node,
			fuse_call_is_member(req, to.node->attr.gid));
	fuse_call_count(req, done);
}

void fuse_data_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct mount *m = fuse_call_mount(req);

	(void)ino;
	(void)fi;
	/* Once said, it is never asked again. */
	if (!m->seal_on_close)
		fuse_call_err(req, -ENOSYS);
	/* Who only reads does not have to look at the disk. */
	else if (m->parts.saver == NULL || !saver_state(m->parts.saver).dirty)
		fuse_call_err(req, 0);
	else
		fuse_sync(req, FUSE_SYNC_PLAIN);
}

void fuse_data_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fuse_sync(req, FUSE_SYNC_PLAIN);
}
