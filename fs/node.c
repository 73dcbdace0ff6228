/* SPDX-License-Identifier: MIT */
#include "node.h"

#include "crypto/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct node *node_new(const struct attr *attr)
{
	struct node *n = mem_alloc(sizeof(*n));

	if (n != NULL)
		n->attr = *attr;
	return n;
}

void node_free(struct node *n, struct quota *q)
{
	body_free(&n->body, q);
	dir_free(&n->dir);
	xattr_free(n->xattrs);
	mem_free(n->target);
	mem_free(n);
}

void node_touch_ctime(struct node *n)
{
	(void)clock_gettime(CLOCK_REALTIME, &n->attr.ctime);
}

void node_touch_mtime(struct node *n)
{
	node_touch_ctime(n);
	n->attr.mtime = n->attr.ctime;
}

ssize_t node_read(const struct node *n, uint64_t off, uint8_t *buf, size_t len)
{
	int err;

	if (off >= n->attr.size)
		return 0;
	if (len > n->attr.size - off)
		len = (size_t)(n->attr.size - off);
	err = body_read(&n->body, off, buf, len);
	return err != 0 ? err : (ssize_t)len;
}

uint64_t node_stored(const struct node *n)
{
	if (S_ISLNK(n->attr.mode))
		return n->attr.size;
	return body_stored(&n->body);
}

const struct xattr *node_xattr_get(const struct node *n, const char *name)
{
	const struct xattr *x = n->xattrs;

	while (x != NULL && strcmp(x->name, name) != 0)
		x = x->next;
	return x;
}

static struct xattr *xattr_new(const char *name, const uint8_t *value,
			       size_t len)
{
	size_t name_size = strlen(name) + 1;
	struct xattr *x = mem_alloc(sizeof(*x) + name_size + len);

	if (x == NULL)
		return NULL;
	memcpy(x->name, name, name_size);
	x->value = (uint8_t *)x->name + name_size;
	x->len = len;
	if (len > 0)
		memcpy(x->value, value, len);
	return x;
}

uint64_t xattr_size(const char *name, size_t len)
{
	return strlen(name) + len;
}

uint64_t xattr_weight(const char *name, size_t len)
{
	return mem_size(sizeof(struct xattr) + strlen(name) + 1 + len);
}

int node_xattr_set(struct node *n, const char *name, const uint8_t *value,
		   size_t len)
{
	struct xattr *x = xattr_new(name, value, len), **at = &n->xattrs;

	if (x == NULL)
		return -ENOMEM;
	while (*at != NULL && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	if (*at != NULL) {
		x->next = (*at)->next;
		n->xattr_bytes -= xattr_size(name, (*at)->len);
		mem_free(*at);
	}
	n->xattr_bytes += xattr_size(name, len);
	*at = x;
	return 0;
}

void node_xattr_remove(struct node *n, const char *name)
{
	struct xattr **at = &n->xattrs, *x;

	while (strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	x = *at;
	*at = x->next;
	n->xattr_bytes -= xattr_size(name, x->len);
	mem_free(x);
}

void xattr_free(struct xattr *list)
{
	while (list != NULL) {
		struct xattr *next = list->next;

		mem_free(list);
		list = next;
	}
}

int xattr_copy(struct xattr **ret, const struct xattr *list)
{
	struct xattr *copy = NULL, **at = &copy;

	for (; list != NULL; list = list->next) {
		*at = xattr_new(list->name, list->value, list->len);
		if (*at == NULL) {
			xattr_free(copy);
			return -ENOMEM;
		}
		at = &(*at)->next;
	}
	*ret = copy;
	return 0;
}
