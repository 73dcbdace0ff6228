/* SPDX-License-Identifier: MIT */
#include "copies.h"

#include "fs/history.h"
#include "rescue.h"
#include "statedir.h"
#include "tools/msg.h"

#include <limits.h>
#include <string.h>

bool copies_is_one(const struct store *s)
{
	const char *name = strrchr(store_path(s), '/') + 1;
	const size_t len = strlen(name);

	return (len > 4 && name[len - 1] == '~' &&
		strstr(name, ".~") != NULL) ||
	       strstr(name, ".conflict-") != NULL ||
	       strstr(name, ".rescue-") != NULL ||
	       statedir_holds(store_path(s), "rescue");
}

void copies_tell(const struct store *s, const char *path)
{
	char name[NAME_MAX + 1], rescued[PATH_MAX];

	if (history_conflict(name, s))
		msg_say("%s: %s is beside it, what an earlier mount could not "
			"save in its place; see tazpodfs(8)",
			path, name);
	if (rescue_find(rescued, store_path(s)))
		msg_say("%s: an earlier mount could not be saved; what it held "
			"is sealed in %s: look at it with 'tazpodfs -o ro', "
			"have it in its place with 'tazpod restore', or "
			"remove it",
			path, rescued);
}
