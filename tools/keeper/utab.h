/* SPDX-License-Identifier: MIT */
#ifndef TZ_UTAB_H
#define TZ_UTAB_H

/*
 * What umount(8) is to know of a mount: /run/mount/utab, which only root can
 * write.  The entry "helper=tazpodfs" makes `umount DIR` call
 * umount.tazpodfs(8), which has the vault sealed first.
 */

/*
 * Have what is mounted at dir, of that type and source, unmounted by our
 * helper.  0 or -errno.
 */
int utab_add(const char *type, const char *source, const char *dir);

/* Forget dir. */
void utab_remove(const char *dir);

#endif
