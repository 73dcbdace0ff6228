/* SPDX-License-Identifier: MIT */
#ifndef TZ_BRIDGES_H
#define TZ_BRIDGES_H

/*
 * Folders of a vault that appear at their usual place in the home while it is
 * unlocked.  For a NAME, such as ".aws" or ".config/gcloud":
 *
 *	HOME/NAME is not there		a symbolic link to MOUNT/NAME
 *	a folder, and one may mount	a bind mount over it
 *	anything else			is renamed to NAME.tazpod-aside; a link
 *
 * In the end all is as it was.  What is done is to be seen from the names
 * alone, so that after a crash whoever comes next can put it right.  Nothing is
 * ever deleted but links that are exactly ours, and nothing is overwritten:
 * what is in the way stays, and is named.
 *
 * No symbolic link is followed in the home, nor in the vault.  Folders on the
 * way to a NAME are made, mode 0700, and stay.
 */

#include <stdbool.h>

/* What an old folder is called while ours is in its place: its name and this.
 */
#define BRIDGES_ASIDE ".tazpod-aside"

struct bridges_place {
	const char *home, *mount; /* absolute */
	char *const *names;	  /* relative, no "." or ".."; ends with NULL */
	bool may_mount;
};

struct bridges;

/*
 * Make them, and remember what has been mounted.  Folders that neither the
 * vault nor the home has are made in the vault.  p and what it names outlive
 * *ret, which bridges_remove() frees.  What does not work with one of them is
 * said and keeps none of the others from being made.  0 or -ENOMEM.
 */
int bridges_put(struct bridges **ret, const struct bridges_place *p);

/* Take them away and put back what was there; free b.  NULL is a no-op. */
void bridges_remove(struct bridges *b);

/*
 * The same from the names alone, while the vault is not mounted: what a crash
 * has left.  Does nothing where there is nothing to do, and may be done by
 * several at once.
 */
void bridges_mend(const struct bridges_place *p);

#endif
