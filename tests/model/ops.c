/* SPDX-License-Identifier: MIT */
/* The table of all operations, and how often each is wanted. */
#include "ops.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

static const int open_flags[] = {
	O_RDONLY,
	O_RDWR,
	O_RDWR,
	O_RDWR | O_CREAT,
	O_RDWR | O_CREAT,
	O_RDWR | O_CREAT,
	O_RDWR | O_CREAT | O_EXCL,
	O_RDWR | O_CREAT | O_TRUNC,
	O_WRONLY | O_CREAT | O_EXCL,
	O_WRONLY | O_CREAT | O_TRUNC,
	O_WRONLY | O_CREAT | O_APPEND,
	O_RDWR | O_CREAT | O_APPEND,
	O_RDONLY | O_CREAT,
	O_RDONLY | O_TRUNC,
	O_WRONLY,
	O_WRONLY | O_TRUNC,
	O_WRONLY | O_APPEND,
	O_RDWR | O_CREAT | O_NOFOLLOW,
	O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
	O_RDONLY | O_NOFOLLOW,
	O_RDONLY | O_CREAT | O_DIRECTORY,
	O_RDWR | O_DIRECTORY,
	O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
	O_PATH,
	O_PATH | O_NOFOLLOW,
	O_PATH | O_DIRECTORY,
	O_ACCMODE,
	-1,
};
static const int folder_flags[] = {O_RDONLY, O_DIRECTORY,
				   O_DIRECTORY | O_NOFOLLOW,
				   O_PATH | O_DIRECTORY, -1};
static const int whence[] = {SEEK_SET,	SEEK_END,  SEEK_DATA,
			     SEEK_HOLE, SEEK_DATA, -1};
static const int rename_flags[] = {0,
				   0,
				   0,
				   RENAME_NOREPLACE,
				   RENAME_EXCHANGE,
				   RENAME_EXCHANGE,
				   RENAME_NOREPLACE | RENAME_EXCHANGE,
				   -1};
static const int node_types[] = {S_IFIFO, S_IFSOCK, S_IFREG, S_IFREG, 0, -1};
static const int no_follow[] = {0, AT_SYMLINK_NOFOLLOW, -1};
static const int link_flags[] = {0, 0, AT_SYMLINK_FOLLOW, -1};
static const int access_modes[] = {
	F_OK, R_OK, W_OK, X_OK, R_OK | W_OK, R_OK | W_OK | X_OK, -1};
static const int stat_flags[] = {0,
				 AT_SYMLINK_NOFOLLOW,
				 AT_STATX_FORCE_SYNC,
				 AT_EMPTY_PATH,
				 AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC,
				 -1};
static const int set_flags[] = {0,
				0,
				XATTR_CREATE,
				XATTR_REPLACE,
				NOT_FOLLOWED,
				NOT_FOLLOWED | XATTR_CREATE,
				NOT_FOLLOWED | XATTR_REPLACE,
				-1};
static const int fset_flags[] = {0, 0, XATTR_CREATE, XATTR_REPLACE, -1};
static const int get_rooms[] = {
	0, 65536, 65536, 10, NOT_FOLLOWED, NOT_FOLLOWED | 65536, -1};
static const int fget_rooms[] = {0, 65536, 65536, 10, -1};
static const int remove_flags[] = {0, NOT_FOLLOWED, -1};
static const int allocations[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
				  FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
				  -1};
static const int punches[] = {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      FALLOC_FL_PUNCH_HOLE, FALLOC_FL_COLLAPSE_RANGE,
			      -1};
static const int protections[] = {PROT_READ, PROT_READ | PROT_WRITE,
				  PROT_READ | PROT_WRITE, -1};

const struct op_kind op_kinds[] = {
	{"%s = open(%b, %p, %f, %m)", 90, .run = run_open, .flags = open_flags},
	{"%s = open(%b, %p, %f)", 15, .run = run_open, .flags = folder_flags,
	 .folders = true},
	{"close(%s)", 8, .run = run_close},
	{"read(%s, %n)", 20, .run = run_read},
	{"write(%s, %n)", 40, .run = run_write},
	{"pread(%s, %n, %o)", 25, .run = run_pread},
	{"pwrite(%s, %n, %o)", 50, .run = run_pwrite},
	{"lseek(%s, %o, %x)", 30, .run = run_lseek, .flags = whence},
	{"truncate(%b, %p, %o)", 12, .run = run_truncate},
	{"ftruncate(%s, %o)", 18, .run = run_ftruncate},
	{"fallocate(%s, %x, %o, %n)", 20, .run = run_fallocate,
	 .flags = allocations, .relaxed = true},
	{"fallocate(%s, %x, %o, %n)", 18, .run = run_fallocate,
	 .flags = punches},
	{"copy_file_range(%s, %o, %S, %O, %n)", 20, .run = run_copy},
	{"fsync(%s)", 1, .run = run_fsync},
	{"%M = mmap(%s, %x)", 25, .run = run_map, .flags = protections,
	 .relaxed = true},
	{"munmap(%M)", 6, .run = run_unmap, .relaxed = true},
	{"read %M, %n, %o", 20, .run = run_map_read, .relaxed = true},
	{"write %M, %n, %o", 30, .run = run_map_write, .relaxed = true},
	{"mkdir(%b, %p, %m)", 30, .run = run_mkdir, .folders = true},
	{"mknod(%b, %p, %x | %m)", 12, .run = run_mknod, .flags = node_types},
	{"symlink(%T, %b, %p)", 15, .run = run_symlink},
	{"readlink(%b, %p)", 8, .run = run_readlink},
	{"link(%b, %p, %B, %P, %x)", 25, .run = run_link, .flags = link_flags},
	{"link(%s, %B, %P)", 5, .run = run_link_fd},
	{"unlink(%b, %p)", 25, .run = run_unlink,
	 .flags = (const int[]){0, -1}},
	{"rmdir(%b, %p)", 12, .run = run_unlink,
	 .flags = (const int[]){AT_REMOVEDIR, -1}, .folders = true},
	{"rename(%b, %p, %B, %P, %x)", 30, .run = run_rename,
	 .flags = rename_flags},
	{"rename(%b, %p, %B, %P, %x)", 20, .run = run_rename,
	 .flags = rename_flags, .folders = true},
	{"chmod(%b, %p, %m)", 20, .run = run_chmod},
	{"fchmod(%s, %m)", 12, .run = run_fchmod},
	{"chown(%b, %p, %u, %x)", 20, .run = run_chown, .flags = no_follow},
	{"fchown(%s, %u)", 10, .run = run_fchown},
	{"utimensat(%b, %p, %t, %x)", 15, .run = run_utimens,
	 .flags = no_follow},
	{"futimens(%s, %t)", 10, .run = run_futimens},
	{"stat(%b, %p, %x)", 10, .run = run_stat, .flags = stat_flags},
	{"access(%b, %p, %x)", 12, .run = run_access, .flags = access_modes},
	{"setxattr(%b, %p, %a, %n, %x)", 25, .run = run_setxattr,
	 .flags = set_flags},
	{"setxattr(%b, %p, %a, %n, %x)", 8, .run = run_setxattr,
	 .flags = set_flags, .folders = true},
	{"getxattr(%b, %p, %a, %x)", 10, .run = run_getxattr,
	 .flags = get_rooms},
	{"listxattr(%b, %p, %x)", 8, .run = run_listxattr, .flags = get_rooms},
	{"removexattr(%b, %p, %a, %x)", 8, .run = run_removexattr,
	 .flags = remove_flags},
	{"fsetxattr(%s, %a, %n, %x)", 10, .run = run_fsetxattr,
	 .flags = fset_flags},
	{"fgetxattr(%s, %a, %x)", 5, .run = run_fgetxattr, .flags = fget_rooms},
	{"flistxattr(%s, %x)", 5, .run = run_flistxattr, .flags = fget_rooms},
	{"fremovexattr(%s, %a)", 5, .run = run_fremovexattr},
	{"list %b, %p", 8, .run = run_list, .folders = true},
	{"list %s", 8, .run = run_list_fd},
	{"list while changing %b, %p", 8, .run = run_list_changing,
	 .folders = true},
	{"list from a place %b, %p", 8, .run = run_list_seeking,
	 .folders = true},
};
const unsigned op_kind_count = sizeof(op_kinds) / sizeof(op_kinds[0]);
