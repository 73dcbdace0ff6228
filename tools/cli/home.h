/* SPDX-License-Identifier: MIT */
#ifndef TZ_HOME_H
#define TZ_HOME_H

/*
 * What a project's config asks for beside the vault itself: where it is
 * mounted, and what appears in the home while it is unlocked (bridges.h,
 * memory.h).  It counts only for the project's own vault.
 */

#include "tools/project/config.h"
#include "unlock.h"

#include <limits.h>
#include <stdbool.h>

struct home {
	struct config config;
	bool is_project;      /* else all is as by default */
	char dir[PATH_MAX];   /* of the project */
	char mount[PATH_MAX]; /* where it wants to be mounted, or "" */
};

/*
 * Read the config if vault is NULL, which means the project's, and there is a
 * project.  The caller frees *ret, whatever is returned.  EXIT_DONE, or what is
 * wrong with the config has been said.
 */
enum exit_code home_read(struct home *ret, const char *vault);

void home_free(struct home *h);

/* Who does it, when that is another user than this. */
struct home_user {
	int (*become)(void *ctx); /* called in a child; 0 or -errno */
	void *ctx;
};

/*
 * The project's vault has just been unlocked at at: make its bridges and links,
 * and start a process that takes the bridges away when the daemon ends, however
 * it ends.  Returns when the bridges are there; what does not work is said.
 * This process has one thread and no locked memory.
 */
void home_start(const struct home *h, const struct unlocked *at,
		const struct home_user *user);

/*
 * The vault is locked, and was mounted at mount, or NULL for the usual place:
 * take away what is left of its bridges.
 */
void home_mend(const struct home *h, const char *mount);

#endif
