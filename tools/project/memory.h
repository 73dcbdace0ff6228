/* SPDX-License-Identifier: MIT */
#ifndef TZ_MEMORY_H
#define TZ_MEMORY_H

/*
 * Folders that are no secrets and are to outlive the vault: each NAME is kept
 * in the project's .tazpod, on the disk, and HOME/NAME is a symbolic link to
 * it, which stays.
 *
 * What HOME/NAME has before is moved there once: renamed, or on another
 * filesystem copied, and then the original is kept as NAME.tazpod-aside.  What
 * is in .tazpod is never overwritten: if both have something, the home's is
 * renamed so, which is said.  No symbolic link is followed in either.
 */

/*
 * Make the folders and links for names, which are as in bridges.h, where they
 * are missing.  tazpod and home are absolute.  What does not work with one of
 * them is said, and keeps none of the others from being made.
 */
void memory_link(const char *tazpod, const char *home, char *const names[]);

#endif
