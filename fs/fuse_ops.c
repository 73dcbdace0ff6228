/* SPDX-License-Identifier: MIT */
/*
 * Each function finds its nodes, calls the tree, and answers.  What a
 * file holds crosses to the kernel from where it lies; listings and the like
 * from the bounce buffer, which is wiped.
 *
 * The tree changes by the kernel's requests alone, so the kernel may keep all
 * it has learnt, for ever: names, their absence, attributes, data, listings.
 */
#include "fuse_ops.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static void reply_attr(fuse_req_t req, const struct node *n)
{
	struct stat st;

	fuse_view_stat(&fuse_call_mount(req)->view, n, &st);
	(void)fuse_reply_attr(req, &st, FUSE_OPS_FOR_EVER);
}

/* Answer with a name's node, which the kernel then holds a reference to. */
static void reply_entry(fuse_req_t req, struct node *n)
{
	struct mount *m = fuse_call_mount(req);
	struct fuse_entry_param e;

	fuse_view_entry(&m->view, n, &e);
	n->lookups++;
	if (fuse_reply_entry(req, &e) != 0)
		tree_forget(m->parts.tree, n, 1);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mount *m = userdata;
	const unsigned wanted =
		FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_NO_OPEN_SUPPORT |
		FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_POSIX_ACL |
		FUSE_CAP_DONT_MASK | FUSE_CAP_CACHE_SYMLINKS |
		FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO;
	/*
	 * Off though libfuse has them on: splice goes around the locked
	 * buffers; without OPEN, the kernel must truncate by SETATTR; our own
	 * writes change the mtime, which must not drop the cache; and set-id
	 * bits are the kernel's to clear.
	 */
	const unsigned unwanted =
		FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
		FUSE_CAP_SPLICE_MOVE | FUSE_CAP_ATOMIC_O_TRUNC |
		FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_HANDLE_KILLPRIV;

	conn->want |= conn->capable & wanted;
	conn->want &= ~unwanted;
	if (m->writeback)
		conn->want |= conn->capable & FUSE_CAP_WRITEBACK_CACHE;
	/* To be told how a file is opened, so that it can be told how to. */
	if (m->no_cache)
		conn->want &= ~(unsigned)FUSE_CAP_NO_OPEN_SUPPORT;
	/* What a list grants would not be what is shown. */
	if (m->view.set_umask)
		conn->want &= ~(unsigned)FUSE_CAP_POSIX_ACL;
	conn->max_write = FUSE_OPS_MAX_IO;
	m->greeted = true;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *dir = fuse_call_read(req, parent), *n;
	struct fuse_entry_param none = {.entry_timeout = FUSE_OPS_FOR_EVER};
	int err;

	if (dir == NULL)
		return;
	err = tree_lookup(&n, fuse_call_mount(req)->parts.tree, dir, name);
	if (err == -ENOENT)
		(void)fuse_reply_entry(req, &none);
	else if (err != 0)
		fuse_call_err(req, err);
	else
		reply_entry(req, n);
}

static void forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	struct tree *t = fuse_call_mount(req)->parts.tree;
	struct node *n = tree_node(t, ino);

	if (n != NULL)
		tree_forget(t, n, count);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	forget(req, ino, count);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		forget(req, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct node *n = fuse_call_read(req, ino);

	(void)fi;
	if (n != NULL)
		reply_attr(req, n);
}

/* What the kernel names to be set, in the tree's words. */
static unsigned set_of(int to_set)
{
	static const struct {
		int theirs;
		unsigned ours;
	} map[] = {
		{FUSE_SET_ATTR_MODE, SET_MODE},
		{FUSE_SET_ATTR_UID, SET_UID},
		{FUSE_SET_ATTR_GID, SET_GID},
		{FUSE_SET_ATTR_SIZE, SET_SIZE},
		{FUSE_SET_ATTR_ATIME, SET_ATIME},
		{FUSE_SET_ATTR_MTIME, SET_MTIME},
		{FUSE_SET_ATTR_ATIME_NOW, SET_ATIME_NOW},
		{FUSE_SET_ATTR_MTIME_NOW, SET_MTIME_NOW},
		{FUSE_SET_ATTR_CTIME, SET_CTIME},
	};
	unsigned set = 0;

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (to_set & map[i].theirs)
			set |= map[i].ours;
	/* "Now" comes with the plain bit and a time that means nothing. */
	if (set & SET_ATIME_NOW)
		set &= ~(unsigned)SET_ATIME;
	if (set & SET_MTIME_NOW)
		set &= ~(unsigned)SET_MTIME;
	return set;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st,
		       int to_set, struct fuse_file_info *fi)
{
	struct mount *m = fuse_call_mount(req);
	struct node *n = fuse_call_write(req, ino);
	const struct attr attr = {
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = (uint64_t)st->st_size,
		.atime = st->st_atim,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
	unsigned set = set_of(to_set);
	bool kills, member;
	int err;

	(void)fi;
	if (n == NULL)
		return;
	/* Of the group as it was. */
	kills = fuse_patch_kills(m->request);
	member = kills && fuse_call_is_member(req, n->attr.gid);
	err = fuse_view_check(&m->view, st, &set);
	if (err == 0)
		err = tree_setattr(m->parts.tree, n, &attr, set);
	if (err == 0 && (set & SET_SIZE))
		fuse_scrub_trim(n, attr.size);
	if (err == 0 && kills)
		tree_kill_privileges(m->parts.tree, n, member);
	if (err != 0)
		fuse_call_err(req, err);
	else
		reply_attr(req, n);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node *n = fuse_call_read(req, ino);

	if (n == NULL)
		return;
	if (n->target == NULL)
		fuse_call_err(req, -EINVAL);
	else {
		fuse_scrub_note(n, 0, n->attr.size);
		(void)fuse_reply_readlink(req, n->target);
	}
}

/* Make a node for the caller of req.  NULL: it has been answered. */
static struct node *create(fuse_req_t req, fuse_ino_t parent, const char *name,
			   struct tree_birth *b)
{
	struct node *dir = fuse_call_write(req, parent), *n;
	int err;

	if (dir == NULL)
		return NULL;
	b->attr.uid = fuse_req_ctx(req)->uid;
	b->attr.gid = fuse_req_ctx(req)->gid;
	b->umask = fuse_req_ctx(req)->umask;
	err = tree_create(&n, fuse_call_mount(req)->parts.tree, dir, name, b);
	if (err == 0)
		return n;
	fuse_call_err(req, err);
	return NULL;
}

static void create_entry(fuse_req_t req, fuse_ino_t parent, const char *name,
			 struct tree_birth *b)
{
	struct node *n = create(req, parent, name, b);

	if (n != NULL)
		reply_entry(req, n);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode, dev_t rdev)
{
	struct tree_birth b = {.attr = {.mode = mode, .rdev = rdev}};

	create_entry(req, parent, name, &b);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	struct tree_birth b = {.attr = {.mode = S_IFDIR | (mode & 07777)}};

	create_entry(req, parent, name, &b);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	struct tree_birth b = {
		.attr = {.mode = S_IFLNK | 0777},
		.target = target,
	};

	create_entry(req, parent, name, &b);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct mount *m = fuse_call_mount(req);
	struct tree_birth b = {.attr = {.mode = S_IFREG | (mode & 07777)}};
	struct fuse_entry_param e;
	struct node *n;

	/*
	 * Where OPEN is not served, MKNOD does as well, and the kernel turns to
	 * it for good: for a file that was opened by CREATE it would send a
	 * RELEASE, too.
	 */
	if (!m->no_cache) {
		fuse_call_err(req, -ENOSYS);
		return;
	}
	n = create(req, parent, name, &b);
	if (n == NULL)
		return;
	fuse_view_entry(&m->view, n, &e);
	fi->direct_io = 1;
	n->lookups++;
	if (fuse_reply_create(req, &e, fi) != 0)
		tree_forget(m->parts.tree, n, 1);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
		    const char *name)
{
	struct node *n = fuse_call_write(req, ino), *dir;
	int err;

	if (n == NULL)
		return;
	dir = fuse_call_read(req, parent);
	if (dir == NULL)
		return;
	err = tree_link(fuse_call_mount(req)->parts.tree, n, dir, name);
	if (err != 0)
		fuse_call_err(req, err);
	else
		reply_entry(req, n);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *dir = fuse_call_write(req, parent);

	if (dir != NULL)
		fuse_call_err(req, tree_unlink(fuse_call_mount(req)->parts.tree,
					       dir, name));
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *dir = fuse_call_write(req, parent);

	if (dir != NULL)
		fuse_call_err(req, tree_rmdir(fuse_call_mount(req)->parts.tree,
					      dir, name));
}

/* libfuse fixes the number of parameters.  NOLINTNEXTLINE */
static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t new_parent, const char *new_name,
		      unsigned flags)
{
	struct tree_place from = {fuse_call_write(req, parent), name};
	struct tree_place to = {.name = new_name};

	if (from.dir == NULL)
		return;
	to.dir = fuse_call_read(req, new_parent);
	if (to.dir != NULL)
		fuse_call_err(req, tree_rename(fuse_call_mount(req)->parts.tree,
					       &from, &to, flags));
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	struct node *n = fuse_call_read(req, ino);

	if (n != NULL)
		fuse_xattr_get(req, n, name, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct node *n = fuse_call_read(req, ino);

	if (n != NULL)
		fuse_xattr_list(req, n, size);
}

/* libfuse fixes the number of parameters.  NOLINTNEXTLINE */
static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t len, int flags)
{
	struct node *n = fuse_call_write(req, ino);
	const struct fuse_xattr_value v = {value, len, flags};
	int err;

	if (n == NULL)
		return;
	err = fuse_xattr_set(fuse_call_mount(req), n, name, &v);
	if (err == 0)
		fuse_xattr_kill_sgid(req, n, name);
	fuse_call_err(req, err);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct node *n = fuse_call_write(req, ino);
	int err;

	if (n == NULL)
		return;
	err = fuse_xattr_remove(fuse_call_mount(req), n, name);
	if (err == 0)
		fuse_xattr_kill_sgid(req, n, name);
	fuse_call_err(req, err);
}

/* Once said, it is never asked again, and listings are kept. */
static void op_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_call_err(req, -ENOSYS);
}

static void list(fuse_req_t req, fuse_ino_t ino,
		 const struct fuse_dir_request *what)
{
	struct node *dir = fuse_call_read(req, ino);

	if (dir == NULL)
		return;
	if (!S_ISDIR(dir->attr.mode)) {
		fuse_call_err(req, -ENOTDIR);
		return;
	}
	fuse_scrub_note(dir, 0, 1);
	fuse_dir_list(req, dir, what);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off,
		       struct fuse_file_info *fi)
{
	const struct fuse_dir_request what = {len, off, false};

	(void)fi;
	list(req, ino, &what);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t len,
			   off_t off, struct fuse_file_info *fi)
{
	const struct fuse_dir_request what = {len, off, true};

	(void)fi;
	list(req, ino, &what);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	enum { BLOCK = 4096 };
	struct tree_usage u = tree_usage(fuse_call_mount(req)->parts.tree);
	struct statvfs st = {
		.f_bsize = BLOCK,
		.f_frsize = BLOCK,
		.f_blocks = u.limit.bytes / BLOCK,
		.f_bfree = (u.limit.bytes - u.used.bytes) / BLOCK,
		.f_files = u.limit.nodes,
		.f_ffree = u.limit.nodes - u.used.nodes,
		.f_namemax = DIR_NAME_MAX,
	};

	(void)ino;
	st.f_bavail = st.f_bfree;
	st.f_favail = st.f_ffree;
	(void)fuse_reply_statfs(req, &st);
}

const struct fuse_lowlevel_ops fuse_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.create = op_create,
	.link = op_link,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.read = fuse_data_read,
	.write = fuse_data_write,
	.open = fuse_data_open,
	.opendir = op_opendir,
	.lseek = fuse_data_lseek,
	.fallocate = fuse_data_fallocate,
	.copy_file_range = fuse_data_copy,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
	.flush = fuse_data_flush,
	.fsync = fuse_data_fsync,
	.fsyncdir = fuse_data_fsync,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.statfs = op_statfs,
};
