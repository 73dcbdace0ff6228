/* SPDX-License-Identifier: MIT */
/* Operations on names and on what stat(2) shows. */
#include "ops.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

long run_mkdir(struct side *s, const struct op *o)
{
	return result(mkdirat(base_fd(s, o->base), o->path, o->mode));
}

long run_mknod(struct side *s, const struct op *o)
{
	mode_t mode = (mode_t)o->flags | (o->mode & 07777);

	return result(mknodat(base_fd(s, o->base), o->path, mode, 0));
}

long run_symlink(struct side *s, const struct op *o)
{
	return result(symlinkat(o->path2, base_fd(s, o->base), o->path));
}

long run_readlink(struct side *s, const struct op *o)
{
	ssize_t n = readlinkat(base_fd(s, o->base), o->path, (char *)s->data,
			       DATA_MAX);

	if (n >= 0)
		s->len = (size_t)n;
	return result(n);
}

long run_link(struct side *s, const struct op *o)
{
	return result(linkat(base_fd(s, o->base), o->path, base_fd(s, o->base2),
			     o->path2, o->flags));
}

long run_link_fd(struct side *s, const struct op *o)
{
	return result(linkat(s->fd[o->fd], "", base_fd(s, o->base2), o->path2,
			     AT_EMPTY_PATH));
}

long run_unlink(struct side *s, const struct op *o)
{
	return result(unlinkat(base_fd(s, o->base), o->path, o->flags));
}

long run_rename(struct side *s, const struct op *o)
{
	return result(renameat2(base_fd(s, o->base), o->path,
				base_fd(s, o->base2), o->path2,
				(unsigned)o->flags));
}

long run_chmod(struct side *s, const struct op *o)
{
	return result(fchmodat(base_fd(s, o->base), o->path, o->mode, 0));
}

long run_fchmod(struct side *s, const struct op *o)
{
	return result(fchmod(s->fd[o->fd], o->mode));
}

long run_chown(struct side *s, const struct op *o)
{
	return result(fchownat(base_fd(s, o->base), o->path, o->uid, o->gid,
			       o->flags));
}

long run_fchown(struct side *s, const struct op *o)
{
	return result(fchown(s->fd[o->fd], o->uid, o->gid));
}

long run_utimens(struct side *s, const struct op *o)
{
	return result(
		utimensat(base_fd(s, o->base), o->path, o->times, o->flags));
}

long run_futimens(struct side *s, const struct op *o)
{
	return result(futimens(s->fd[o->fd], o->times));
}

/* What it shows is compared after every operation; here, who may see it. */
long run_stat(struct side *s, const struct op *o)
{
	struct statx st;

	return result(statx(base_fd(s, o->base), o->path, o->flags,
			    STATX_BASIC_STATS, &st));
}

long run_access(struct side *s, const struct op *o)
{
	return result(
		faccessat(base_fd(s, o->base), o->path, o->flags, AT_EACCESS));
}
