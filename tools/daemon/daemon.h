/* SPDX-License-Identifier: MIT */
#ifndef TZ_DAEMON_H
#define TZ_DAEMON_H

/* The serving process of one mount, from the passphrase to the last seal. */

#include "tools/msg.h"
#include "tools/options.h"

struct daemon_parts {
	const struct options *options;
	const char *vault;	  /* path of the vault file */
	const char *dir;	  /* mount point */
	void (*ready)(void *ctx); /* called once, when the mount is usable */
	void *ctx;
};

/*
 * Is there, as far as can be told before, a way to show a vault at dir as o
 * wants it?  EXIT_DONE, or EXIT_MOUNT, which has been said.
 */
enum exit_code daemon_check(const struct options *o, const char *dir);

/*
 * Open the vault, mount it, serve it until it is unmounted or locked, and
 * seal what is left.  What goes wrong before it is ready is said on standard
 * error; afterwards it goes to syslog(3).
 */
enum exit_code daemon_run(const struct daemon_parts *parts);

#endif
