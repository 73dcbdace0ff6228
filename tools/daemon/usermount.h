/* SPDX-License-Identifier: MIT */
#ifndef TZ_USERMOUNT_H
#define TZ_USERMOUNT_H

#include <stdbool.h>

/*
 * Mount as a user who has not the right to: fusermount3(1), which is setuid,
 * does it and sends the descriptor of the FUSE device back, through a socket
 * whose number is in the environment variable _FUSE_COMMFD (libfuse's
 * lib/mount.c).  libfuse can do this, too, but by fork(2): of our heap, which
 * its child would use, a forked child has nothing.
 *
 * options is the whole list, "a,b=c".  Returns the descriptor, or -errno;
 * fusermount3 has said why on standard error.
 */
int usermount(const char *dir, const char *options);

/* Does this process need that?  It lacks CAP_SYS_ADMIN. */
bool usermount_is_needed(void);

/*
 * Why that cannot work here, as far as can be seen beforehand: fusermount3 is
 * missing, its being setuid has no effect, or the FUSE device is not for this
 * user.  In words, or NULL if nothing is wrong.
 */
const char *usermount_obstacle(void);

#endif
