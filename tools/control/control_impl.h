/* SPDX-License-Identifier: MIT */
#ifndef TZ_CONTROL_IMPL_H
#define TZ_CONTROL_IMPL_H

/* What both sides of a control socket (control.h) share. */

#include "control.h"

#include <stdbool.h>
#include <sys/un.h>

enum {
	CONTROL_WORD_MAX = 32, /* bytes of a request, newline included */
	CONTROL_FDS_MAX = 2,   /* descriptors that come with it */
	CONTROL_NAME_MAX =
		32, /* bytes of a socket's name, terminator included */
};

/* What the name of the socket begins with when the mount has gone. */
#define CONTROL_GONE "gone-"

/* The name of the socket for a mount, and for the daemon of one that is gone.
 */
void control_name(char ret[static CONTROL_NAME_MAX], dev_t dev);
void control_name_gone(char ret[static CONTROL_NAME_MAX], pid_t pid);

/*
 * The address of the socket with that name in the nth place (rundir.h) of
 * uid's; with make, that folder is created.  False: there is no such place.
 */
bool control_address(struct sockaddr_un *ret, unsigned n, uid_t uid,
		     const char *name, bool make);

#endif
