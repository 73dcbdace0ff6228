/* SPDX-License-Identifier: MIT */
#include "tar_xattr.h"

#include "pax.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 3 * XATTR_NAME_MAX }; /* an attribute's name, escaped */

/* Those of the system namespace are access control lists. */
static bool is_kept(const char *key)
{
	return strncmp(key, "user.", 5) == 0 ||
	       strncmp(key, "trusted.", 8) == 0 ||
	       strncmp(key, "security.", 9) == 0;
}

/* Set an attribute under the name that key stands for. */
static int set_xattr(struct tree *t, struct node *n, const char *key,
		     const struct xattr_value *v)
{
	char name[KEY_MAX + 1];
	const char *dot;

	(void)snprintf(name, sizeof(name), "%s", key);
	pax_unescape(name);
	dot = strchr(name, '.');
	if (dot == NULL || dot[1] == '\0')
		return -ERANGE;
	return tree_xattr_fits(n, name, v) ? tree_setxattr(t, n, name, v)
					   : -E2BIG;
}

int tar_xattr_load(struct tree *t, struct node *n, struct archive_entry *e)
{
	const char *key;
	const void *value;
	size_t len;
	int err = 0;

	(void)archive_entry_xattr_reset(e);
	while (err == 0 &&
	       archive_entry_xattr_next(e, &key, &value, &len) == ARCHIVE_OK) {
		struct xattr_value v = {value, len};

		if (key == NULL || !is_kept(key))
			continue;
		if (strlen(key) > KEY_MAX)
			return -ERANGE;
		err = set_xattr(t, n, key, &v);
	}
	return err;
}
