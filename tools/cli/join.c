/* SPDX-License-Identifier: MIT */
#include "join.h"

#include "target.h"
#include "tools/mounts/elsewhere.h"
#include "tools/project/project.h"

#include <limits.h>
#include <stdlib.h>

bool join_vault(struct userns *ret, const char *path)
{
	const pid_t pid = elsewhere_serves(path);

	return pid > 0 && userns_join(ret, pid) == 0;
}

static bool is_in(const struct mounted *list, const char *name)
{
	char *path = target_resolve(name);
	const bool found = path == NULL || mounts_at(list, path) != NULL ||
			   mounts_of(list, path) != NULL;

	free(path);
	return found;
}

int join_mounts(struct mounted **list, const char *name)
{
	char project[PATH_MAX];
	struct userns space;
	int err = mounts_read(list);

	if (name == NULL && project_vault(project))
		name = project;
	if (err != 0 || name == NULL || is_in(*list, name) ||
	    !join_vault(&space, name))
		return err;
	mounts_free(*list);
	*list = NULL;
	return mounts_read(list);
}
