/* SPDX-License-Identifier: MIT */
#include "tar_path.h"

#include "tree.h"

#include <string.h>

size_t tar_path_next(const char **path, char name[static DIR_NAME_MAX + 1])
{
	size_t n = strcspn(*path, "/");

	if (n <= DIR_NAME_MAX) {
		memcpy(name, *path, n);
		name[n] = '\0';
	}
	*path += n;
	return n;
}

const char *tar_path_check(const char *path)
{
	char name[DIR_NAME_MAX + 1];

	if (*path == '/')
		return "has an absolute name";
	while (*path != '\0') {
		size_t n = tar_path_next(&path, name);

		if (n == 0)
			return "has an empty component";
		if (n > DIR_NAME_MAX)
			return "has a component over 255 bytes";
		if (strcmp(name, "..") == 0)
			return "would leave the vault";
		path += *path == '/';
	}
	return NULL;
}

bool tar_path_is_reserved(const char *path)
{
	char name[DIR_NAME_MAX + 1];

	do {
		(void)tar_path_next(&path, name);
		path += *path == '/';
	} while (strcmp(name, ".") == 0 && *path != '\0');
	return strcmp(name, TREE_RESERVED) == 0;
}
