/* SPDX-License-Identifier: MIT */
#include "maps.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A path may be four times as long as what it stands for: \012. */
enum { BUFFER_LEN = 5 * PATH_MAX };

/* Behind the next n fields and the blanks after each, or NULL. */
static const char *skip_fields(const char *p, int n)
{
	while (p != NULL && n-- > 0) {
		p = strchr(p, ' ');
		if (p != NULL)
			p += strspn(p, " ");
	}
	return p;
}

/* A number at *p, which is moved behind it and the character that ends it. */
static bool number(unsigned long *ret, const char **p, int base, char end)
{
	char *after;

	/* strtoul() would take blanks and signs. */
	if (!isxdigit((unsigned char)**p))
		return false;
	errno = 0;
	*ret = strtoul(*p, &after, base);
	if (errno != 0 || *after != end)
		return false;
	*p = after + 1;
	return true;
}

bool maps_parse(struct mapping *ret, const char *line)
{
	/* Addresses, permissions and offset are nobody's concern. */
	const char *p = skip_fields(line, 3);
	unsigned long major, minor, ino;

	if (p == NULL || !number(&major, &p, 16, ':') ||
	    !number(&minor, &p, 16, ' ') || !number(&ino, &p, 10, ' ') ||
	    ino == 0 || major > UINT_MAX || minor > UINT_MAX)
		return false;
	ret->dev = makedev((unsigned)major, (unsigned)minor);
	ret->path = p + strspn(p, " ");
	return true;
}

/* Who is called for the mappings, and whether a line's end is still to come. */
struct caller {
	void (*each)(void *ctx, const struct mapping *m);
	void *ctx;
	bool is_cut;
};

static void line(struct caller *c, const char *text)
{
	struct mapping m;

	if (!c->is_cut && maps_parse(&m, text))
		c->each(c->ctx, &m);
}

/*
 * The lines that are whole in buf, which has room for a byte more.  Returns
 * how much is left of it, moved to its start.
 */
static size_t lines(struct caller *c, char *buf, size_t len)
{
	char *start = buf, *end;

	while ((end = memchr(start, '\n', len)) != NULL) {
		*end = '\0';
		line(c, start);
		c->is_cut = false;
		len -= (size_t)(end + 1 - start);
		start = end + 1;
	}
	if (len == BUFFER_LEN) {
		buf[len] = '\0';
		line(c, buf);
		c->is_cut = true;
		len = 0;
	}
	memmove(buf, start, len);
	return len;
}

int maps_each(int fd, void (*each)(void *ctx, const struct mapping *m),
	      void *ctx)
{
	struct caller c = {.each = each, .ctx = ctx};
	char buf[BUFFER_LEN + 1];
	size_t len = 0;
	ssize_t n;

	/* The kernel hands over a page at a time. */
	while ((n = read(fd, buf + len, BUFFER_LEN - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			len = lines(&c, buf, len + (size_t)n);
	}
	buf[len] = '\0';
	line(&c, buf);
	return 0;
}
