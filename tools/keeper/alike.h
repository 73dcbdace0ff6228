/* SPDX-License-Identifier: MIT */
#ifndef TZ_ALIKE_H
#define TZ_ALIKE_H

/*
 * Give the empty folder name in the folder parent, which the caller has just
 * made, all that the folder like, which may be O_PATH, has: owner, group, mode,
 * extended attributes with the lists of permissions among them, times.
 *
 * 0, -EOPNOTSUPP if like has what cannot be given or known, as flags and quotas
 * (chattr(1)), or the -errno of a system call; name is then fit for nothing.
 */
int alike_make(int parent, const char *name, int like);

#endif
