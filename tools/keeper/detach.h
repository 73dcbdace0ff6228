/* SPDX-License-Identifier: MIT */
#ifndef TZ_DETACH_H
#define TZ_DETACH_H

/*
 * What a user without rights has for umount2(2) with MNT_DETACH: have
 * fusermount3(1) unmount what is at dir, also while files in it are open.
 *
 * 0, -ENOENT if there is no fusermount3, -EPERM if it refused, or the -errno
 * of posix_spawn(3) or waitpid(2).
 */
int detach_as_user(const char *dir);

#endif
