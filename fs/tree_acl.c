/* SPDX-License-Identifier: MIT */
/* Access control lists in the tree: attributes that modes follow. */
#include "acl.h"
#include "tree_impl.h"

#include "crypto/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int tree_setacl(struct tree *t, struct node *n, const char *name,
		const struct xattr_value *acl)
{
	bool access = strcmp(name, ACL_ACCESS) == 0;
	int err = 0;

	if (!acl_is_valid(acl->data, acl->len))
		return -EINVAL;
	if (!access && !S_ISDIR(n->attr.mode))
		return -EACCES;
	if (!access || !acl_is_mode(acl->data, acl->len))
		err = tree_setxattr(t, n, name, acl);
	else if (node_xattr_get(n, name) != NULL)
		err = tree_removexattr(t, n, name);
	if (err != 0)
		return err;
	if (access) {
		n->attr.mode = acl_to_mode(acl->data, acl->len, n->attr.mode);
		node_touch_ctime(n);
		t->changes++;
	}
	return 0;
}

int tree_inherit(struct tree *t, struct node *n, const struct node *dir,
		 uint32_t umask)
{
	const struct xattr *def = node_xattr_get(dir, ACL_DEFAULT);
	struct xattr_value acl = {0};
	uint8_t *copy;
	int err = 0;

	if (S_ISLNK(n->attr.mode))
		return 0;
	if (def == NULL) {
		n->attr.mode &= ~umask;
		return 0;
	}
	copy = mem_alloc(def->len);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, def->value, def->len);
	n->attr.mode = acl_inherit(copy, def->len, n->attr.mode);
	acl = (struct xattr_value){copy, def->len};
	if (!acl_is_mode(copy, def->len))
		err = tree_setxattr(t, n, ACL_ACCESS, &acl);
	acl.data = def->value;
	if (err == 0 && S_ISDIR(n->attr.mode))
		err = tree_setxattr(t, n, ACL_DEFAULT, &acl);
	mem_free(copy);
	return err;
}
