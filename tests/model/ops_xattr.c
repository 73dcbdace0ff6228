/* SPDX-License-Identifier: MIT */
/* Operations on extended attributes. */
#include "ops.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void sort_strings(uint8_t *buf, size_t len)
{
	enum { MOST = 20000 };
	static const char *list[MOST];
	char *copy = malloc(len + 1);
	size_t count = 0;

	if (copy == NULL)
		abort();
	memcpy(copy, buf, len);
	for (size_t at = 0; at < len && count < MOST;
	     at += strlen(copy + at) + 1)
		list[count++] = copy + at;
	qsort(list, count, sizeof(list[0]), by_text);
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(list[i]) + 1;

		memcpy(buf, list[i], n);
		buf += n;
	}
	free(copy);
}

/* These calls know no base: it is gone to.  0 or -errno. */
static long go(const struct side *s, const struct op *o)
{
	return result(fchdir(base_fd(s, o->base)));
}

static long shown(struct side *s, ssize_t n, size_t room)
{
	if (n > 0 && room > 0)
		s->len = (size_t)n;
	return result(n);
}

long run_setxattr(struct side *s, const struct op *o)
{
	size_t len = op_xattr_value(o, s->data);
	int flags = o->flags & ~NOT_FOLLOWED;
	long err = go(s, o);

	if (err != 0)
		return err;
	if (o->flags & NOT_FOLLOWED)
		return result(
			lsetxattr(o->path, o->xattr, s->data, len, flags));
	return result(setxattr(o->path, o->xattr, s->data, len, flags));
}

long run_getxattr(struct side *s, const struct op *o)
{
	size_t room = (size_t)(o->flags & ~NOT_FOLLOWED);
	long err = go(s, o);

	if (err != 0)
		return err;
	if (o->flags & NOT_FOLLOWED)
		return shown(s, lgetxattr(o->path, o->xattr, s->data, room),
			     room);
	return shown(s, getxattr(o->path, o->xattr, s->data, room), room);
}

long run_listxattr(struct side *s, const struct op *o)
{
	size_t room = (size_t)(o->flags & ~NOT_FOLLOWED);
	char *buf = (char *)s->data;
	long n = go(s, o);

	if (n != 0)
		return n;
	n = shown(s,
		  o->flags & NOT_FOLLOWED ? llistxattr(o->path, buf, room)
					  : listxattr(o->path, buf, room),
		  room);
	sort_strings(s->data, s->len);
	return n;
}

long run_removexattr(struct side *s, const struct op *o)
{
	long err = go(s, o);

	if (err != 0)
		return err;
	return result(o->flags & NOT_FOLLOWED ? lremovexattr(o->path, o->xattr)
					      : removexattr(o->path, o->xattr));
}

long run_fsetxattr(struct side *s, const struct op *o)
{
	size_t len = op_xattr_value(o, s->data);

	return result(
		fsetxattr(s->fd[o->fd], o->xattr, s->data, len, o->flags));
}

long run_fgetxattr(struct side *s, const struct op *o)
{
	size_t room = (size_t)o->flags;

	return shown(s, fgetxattr(s->fd[o->fd], o->xattr, s->data, room), room);
}

long run_flistxattr(struct side *s, const struct op *o)
{
	size_t room = (size_t)o->flags;
	long n =
		shown(s, flistxattr(s->fd[o->fd], (char *)s->data, room), room);

	sort_strings(s->data, s->len);
	return n;
}

long run_fremovexattr(struct side *s, const struct op *o)
{
	return result(fremovexattr(s->fd[o->fd], o->xattr));
}
