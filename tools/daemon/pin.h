/* SPDX-License-Identifier: MIT */
#ifndef TZ_PIN_H
#define TZ_PIN_H

/*
 * A mount kept busy, so that umount(2) says EBUSY while it has changes that no
 * sealed vault holds: the kernel itself never waits for a FUSE daemon
 * (fuse_umount_begin() and fuse_conn_destroy() in fs/fuse/inode.c), so a plain
 * unmount would return before the last seal.
 */

#include <stdbool.h>
#include <sys/types.h>

struct pin;

/*
 * For the mount at dir with that id (mountinfo), which is not held yet.  The
 * caller frees *ret.  0, -ENOMEM, or the -errno of opening dir's parent.
 */
int pin_new(struct pin **ret, const char *dir, int mount_id);

/*
 * Hold the mount, or let it go.  Neither asks the mount itself anything, so
 * its own daemon may call them.  A mount that is not where it was is not held.
 * NULL is a no-op.
 */
void pin_hold(struct pin *p);
void pin_release(struct pin *p);

/*
 * A descriptor (O_PATH) of the root of the mount with that id and device
 * number, if that is what is at dir; the caller closes it.  -ENOENT if it is
 * something else, or the -errno of open(2).
 */
int pin_open_root(const char *dir, int mount_id, dev_t dev);

/*
 * Is fd in the mount with that id and, unless it is 0, device number?  Nothing
 * is asked of the filesystem.
 */
bool pin_is_in(int fd, int mount_id, dev_t dev);

/* Let go and release p.  NULL is a no-op. */
void pin_free(struct pin *p);

#endif
