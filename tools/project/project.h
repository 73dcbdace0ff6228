/* SPDX-License-Identifier: MIT */
#ifndef TZ_PROJECT_H
#define TZ_PROJECT_H

/*
 * A project is a folder with a .tazpod in it, where its config and its vault
 * are:
 *
 *	.tazpod/config.yaml		docs/CONFIG.md
 *	.tazpod/vault/vault.tar.aes
 */

#include <limits.h>
#include <stdbool.h>

#define PROJECT_FOLDER ".tazpod"

/*
 * The project that the working folder belongs to: the nearest folder with a
 * .tazpod, from the working folder upwards, as an absolute path.  False: there
 * is none.
 */
bool project_find(char dir[static PATH_MAX]);

/*
 * Write the path of what has that name in the .tazpod of the project at dir to
 * ret.  False: it is too long.
 */
bool project_path(char ret[static PATH_MAX], const char *dir, const char *name);

/* The two in one, for the vault. */
bool project_vault(char ret[static PATH_MAX]);

#endif
