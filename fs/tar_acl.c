/* SPDX-License-Identifier: MIT */
#include "tar_acl.h"

#include "acl.h"

#include "crypto/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Our tag for libarchive's; 0: none. */
static uint16_t tag_of(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return ACL_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER:
		return ACL_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return ACL_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return ACL_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return ACL_MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return ACL_OTHER;
	default:
		return 0;
	}
}

/* The order that the kernel wants: by tag, then by id. */
static int compare(const void *a, const void *b)
{
	const struct acl_entry *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Read the entries of one list into v, which has room for count. */
static size_t collect(struct acl_entry *v, size_t count,
		      struct archive_entry *e, int type)
{
	int got, perm, tag, id;
	const char *name;
	size_t n = 0;

	while (n < count && archive_entry_acl_next(e, type, &got, &perm, &tag,
						   &id, &name) == ARCHIVE_OK) {
		v[n].tag = tag_of(tag);
		v[n].perm = (uint16_t)(perm & 7);
		v[n].id = v[n].tag == ACL_USER || v[n].tag == ACL_GROUP
				  ? (uint32_t)id
				  : UINT32_MAX;
		/* A name without a number means nobody here. */
		if (v[n].tag != 0 && !(v[n].id == UINT32_MAX &&
				       (v[n].tag & (ACL_USER | ACL_GROUP))))
			n++;
	}
	return n;
}

/* Set a list that nobody has judged yet. */
static int set(struct tree *t, struct node *n, const char *name,
	       const struct xattr_value *acl)
{
	if (!acl_is_valid(acl->data, acl->len))
		return -EINVAL;
	return tree_xattr_fits(n, name, acl) ? tree_setacl(t, n, name, acl)
					     : -E2BIG;
}

static int load(struct tree *t, struct node *n, struct archive_entry *e,
		int type)
{
	size_t count = (size_t)archive_entry_acl_reset(e, type);
	struct acl_entry *v = NULL;
	uint8_t *acl = NULL;
	struct xattr_value value;
	int err = -ENOMEM;

	if (count == 0)
		return 0;
	v = mem_alloc(count * sizeof(*v));
	acl = mem_alloc(ACL_HEADER + count * ACL_ENTRY);
	if (v == NULL || acl == NULL)
		goto out;
	count = collect(v, count, e, type);
	qsort(v, count, sizeof(*v), compare);
	acl_start(acl);
	for (size_t i = 0; i < count; i++)
		acl_put(acl, i, &v[i]);
	value = (struct xattr_value){acl, ACL_HEADER + count * ACL_ENTRY};
	err = set(t, n,
		  type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS ? ACL_ACCESS
							: ACL_DEFAULT,
		  &value);
out:
	mem_free(v);
	mem_free(acl);
	return err;
}

void tar_acl_drop(struct tree *t, struct node *n)
{
	/* -ENODATA is as good. */
	(void)tree_removexattr(t, n, ACL_ACCESS);
	(void)tree_removexattr(t, n, ACL_DEFAULT);
}

int tar_acl_load(struct tree *t, struct node *n, struct archive_entry *e)
{
	int err = 0;

	if ((archive_entry_acl_types(e) & ARCHIVE_ENTRY_ACL_TYPE_ACCESS) != 0)
		err = load(t, n, e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS);
	if (err == 0 && S_ISDIR(n->attr.mode) &&
	    (archive_entry_acl_types(e) & ARCHIVE_ENTRY_ACL_TYPE_DEFAULT) != 0)
		err = load(t, n, e, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT);
	return err;
}
