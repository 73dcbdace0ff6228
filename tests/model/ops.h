/* SPDX-License-Identifier: MIT */
#ifndef TZ_MODEL_OPS_H
#define TZ_MODEL_OPS_H

/* The operations themselves, each on one side.  See op_kinds. */

#include "model.h"

#include <errno.h>

/* The result of a system call, as operations give it. */
static inline long result(long n)
{
	return n < 0 ? -errno : n;
}

/* The descriptor of a base: a slot's, or the top folder's. */
static inline int base_fd(const struct side *s, int base)
{
	return base < 0 ? s->top : s->fd[base];
}

/* ops_data.c */
long run_open(struct side *s, const struct op *o);
long run_close(struct side *s, const struct op *o);
long run_read(struct side *s, const struct op *o);
long run_write(struct side *s, const struct op *o);
long run_pread(struct side *s, const struct op *o);
long run_pwrite(struct side *s, const struct op *o);
long run_lseek(struct side *s, const struct op *o);
long run_truncate(struct side *s, const struct op *o);
long run_ftruncate(struct side *s, const struct op *o);
long run_fallocate(struct side *s, const struct op *o);
long run_copy(struct side *s, const struct op *o);
long run_fsync(struct side *s, const struct op *o);
long run_map(struct side *s, const struct op *o);
long run_unmap(struct side *s, const struct op *o);
long run_map_read(struct side *s, const struct op *o);
long run_map_write(struct side *s, const struct op *o);

/* ops_name.c */
long run_mkdir(struct side *s, const struct op *o);
long run_mknod(struct side *s, const struct op *o);
long run_symlink(struct side *s, const struct op *o);
long run_readlink(struct side *s, const struct op *o);
long run_link(struct side *s, const struct op *o);
long run_link_fd(struct side *s, const struct op *o);
long run_unlink(struct side *s, const struct op *o);
long run_rename(struct side *s, const struct op *o);
long run_chmod(struct side *s, const struct op *o);
long run_fchmod(struct side *s, const struct op *o);
long run_chown(struct side *s, const struct op *o);
long run_fchown(struct side *s, const struct op *o);
long run_utimens(struct side *s, const struct op *o);
long run_futimens(struct side *s, const struct op *o);
long run_stat(struct side *s, const struct op *o);
long run_access(struct side *s, const struct op *o);

/* ops_xattr.c */
long run_setxattr(struct side *s, const struct op *o);
long run_getxattr(struct side *s, const struct op *o);
long run_listxattr(struct side *s, const struct op *o);
long run_removexattr(struct side *s, const struct op *o);
long run_fsetxattr(struct side *s, const struct op *o);
long run_fgetxattr(struct side *s, const struct op *o);
long run_flistxattr(struct side *s, const struct op *o);
long run_fremovexattr(struct side *s, const struct op *o);

/* ops_list.c */
long run_list(struct side *s, const struct op *o);
long run_list_fd(struct side *s, const struct op *o);
long run_list_changing(struct side *s, const struct op *o);
long run_list_seeking(struct side *s, const struct op *o);

/* Sort strings, each with its NUL, that make up len bytes at buf. */
void sort_strings(uint8_t *buf, size_t len);

#endif
