/* SPDX-License-Identifier: MIT */
#ifndef TZ_TARGET_H
#define TZ_TARGET_H

/* Which vault and which mount a command is about. */

#include "tools/mounts/mounts.h"
#include "tools/msg.h"

#include <limits.h>
#include <stdbool.h>

/*
 * The vault that named is, or with NULL the project's, whose path is written
 * to buf: .tazpod/vault/vault.tar.aes in the working folder or the nearest one
 * above that has a .tazpod.  EXIT_DONE, or EXIT_USAGE if there is none, which
 * has been said.
 */
enum exit_code target_vault(const char **ret, const char *named,
			    char buf[static PATH_MAX]);

/*
 * name as an absolute path without links, malloc'd; without a look at name
 * itself if that fails, since the root of somebody's mount, or of a dead one,
 * cannot be looked at, and a vault may be still to be made.  NULL if there is
 * no such folder, or no memory.
 */
char *target_resolve(const char *name);

/*
 * Where a vault is mounted unless the user says: /home/tazpod/secrets in a
 * pod, else ~/secrets.  False: there is no home.
 */
bool target_default_dir(char path[static PATH_MAX]);

/*
 * The mount that name is the mount point or the vault of; with name NULL, the
 * project's, else the only one that this user has.  What goes wrong is said:
 * EXIT_FAILED, and EXIT_USAGE if there are several to choose from.
 */
enum exit_code target_find(const struct mounted **ret, const struct mounted *m,
			   const char *name);

#endif
