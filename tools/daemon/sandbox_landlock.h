/* SPDX-License-Identifier: MIT */
#ifndef TZ_SANDBOX_LANDLOCK_H
#define TZ_SANDBOX_LANDLOCK_H

/*
 * Landlock (landlock(7)): writing nowhere but where the daemon has to, no
 * programs, no TCP, no device's ioctls, no signals to other processes and no
 * abstract sockets, as far as the kernel's version of it goes.  Reading stays
 * free.  It is of the thread that asks for it, and of those it starts.
 */

#include <stdbool.h>
#include <stdint.h>

/* What may be done beneath a folder, or with a file. */
enum landlock_use {
	LANDLOCK_FILE,	 /* it is a file to write to */
	LANDLOCK_FILES,	 /* files are made, written, renamed and removed */
	LANDLOCK_STATE,	 /* folders are made, too */
	LANDLOCK_WIPE,	 /* all that is there is overwritten and removed */
	LANDLOCK_SOCKET, /* a socket is made and removed */
};

/*
 * The version of the kernel's Landlock, at least 1; or 0: it has none, has it
 * switched off, or whoever started us has it forbidden.
 */
int landlock_version(void);

/*
 * A ruleset for landlock_enter(), which allows nothing yet: a descriptor that
 * the caller closes.  version is that of landlock_version(), not 0.  Or -errno.
 */
int landlock_new(int version);

/*
 * Allow that use of what fd (O_PATH) is, and, if it is a folder, beneath it,
 * whatever its name will be.  0 or -errno.
 */
int landlock_allow(int ruleset, int version, int fd, enum landlock_use use);

/* Enter it, for good.  no_new_privs must be set.  0 or -errno. */
int landlock_enter(int ruleset);

/*
 * Is this thread confined by such a ruleset?  The kernel does not tell; so this
 * looks whether /dev/null can be opened for writing, which anybody can.
 */
bool landlock_holds(void);

#endif
