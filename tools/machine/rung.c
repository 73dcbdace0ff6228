/* SPDX-License-Identifier: MIT */
#include "rung.h"

#include <string.h>

static const struct {
	const char *name, *title;
} rungs[RUNG_COUNT] = {
	[RUNG_NONE] = {"none", "none"},
	[RUNG_FUSE] = {"fuse", "FUSE, mounted by root"},
	[RUNG_FUSERMOUNT] = {"fusermount3", "FUSE, mounted by fusermount3"},
	[RUNG_FUSE_USERNS] = {"fuse-userns", "FUSE in a namespace of its own"},
	[RUNG_TMPFS] = {"tmpfs", "tmpfs, not swapped out"},
	[RUNG_TMPFS_SWAP] = {"tmpfs-swap", "tmpfs that may be swapped out"},
	[RUNG_RAMFS] = {"ramfs", "ramfs, not swapped out, without a limit"},
};

const char *rung_name(enum rung r)
{
	return rungs[r].name;
}

enum rung rung_of_name(const char *name)
{
	for (enum rung r = RUNG_NONE + 1; r < RUNG_COUNT; r++)
		if (strcmp(rungs[r].name, name) == 0)
			return r;
	return RUNG_NONE;
}

const char *rung_title(enum rung r)
{
	return rungs[r].title;
}

/* By this process, or for it by a setuid program. */
static enum rung choose_fuse(const struct machine *m, bool own_namespace)
{
	if (m->err_fuse == 0)
		return m->is_initial ? RUNG_FUSE : RUNG_FUSE_USERNS;
	if (!m->has_admin && m->err_device == 0 && m->err_fusermount == 0)
		return RUNG_FUSERMOUNT;
	if (own_namespace && m->err_userns_fuse == 0)
		return RUNG_FUSE_USERNS;
	return RUNG_NONE;
}

static enum rung choose_tmpfs(const struct machine *m, bool own_namespace,
			      bool any)
{
	if (m->err_noswap == 0)
		return RUNG_TMPFS;
	if (m->err_tmpfs == 0 && (any || m->is_initial))
		return RUNG_TMPFS_SWAP;
	if (any && own_namespace && m->err_userns_tmpfs == 0)
		return RUNG_TMPFS_SWAP;
	return RUNG_NONE;
}

static enum rung choose_ramfs(const struct machine *m, bool own_namespace)
{
	return m->err_ramfs == 0 || (own_namespace && m->err_userns_ramfs == 0)
		       ? RUNG_RAMFS
		       : RUNG_NONE;
}

enum rung rung_choose(const struct machine *m, enum backend_kind wanted,
		      bool own_namespace)
{
	enum rung r = RUNG_NONE;

	if (wanted == BACKEND_AUTO || wanted == BACKEND_FUSE)
		r = choose_fuse(m, own_namespace);
	if (r == RUNG_NONE &&
	    (wanted == BACKEND_AUTO || wanted == BACKEND_TMPFS))
		r = choose_tmpfs(m, own_namespace, wanted == BACKEND_TMPFS);
	if (r == RUNG_NONE &&
	    (wanted == BACKEND_AUTO || wanted == BACKEND_RAMFS))
		r = choose_ramfs(m, own_namespace);
	return r;
}

bool rung_needs_userns(const struct machine *m, enum rung r)
{
	switch (r) {
	case RUNG_FUSE_USERNS:
		return m->err_fuse != 0;
	case RUNG_TMPFS_SWAP:
		return m->err_tmpfs != 0;
	case RUNG_RAMFS:
		return m->err_ramfs != 0;
	default:
		return false;
	}
}

bool rung_is_files(enum rung r)
{
	return r == RUNG_TMPFS || r == RUNG_TMPFS_SWAP || r == RUNG_RAMFS;
}
