/* SPDX-License-Identifier: MIT */
#ifndef TZ_RENEW_H
#define TZ_RENEW_H

/*
 * What is left of a mount where nobody may unmount it: namespaces made together
 * with a user namespace lock what they were given in place, and some may not be
 * entered.  But a folder that is removed, or replaced by a rename, loses what
 * is mounted on it in all other namespaces (vfs_rename() and detach_mounts() in
 * the kernel's fs/namei.c and fs/namespace.c).
 */

#include "sweep.h"

/*
 * If copies of r are still mounted on the folder r->dir in other namespaces,
 * put a new folder, alike in owner, mode, times and attributes, in its place.
 * The old one must be empty, nothing be mounted on it here, and no process be
 * in sight that has anything else mounted on it, or in a copy, or has the
 * folder itself mounted anywhere, since such mounts would go as well, or stay
 * with the old folder.  Nobody else may be able to change names in its parent.
 * Otherwise all is left as it is.  This may hang (bounded.h).
 */
void renew_place(const struct remains *r);

#endif
