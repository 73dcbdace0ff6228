/* SPDX-License-Identifier: MIT */
/* inotify(7): that something has changed, and roughly what. */
#include "ramfiles_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static const uint32_t changes = IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY |
				IN_ATTRIB | IN_CLOSE_WRITE | IN_Q_OVERFLOW;

int ramfiles_watch_start(struct ramfiles *r)
{
	r->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return r->inotify >= 0 ? 0 : -errno;
}

void ramfiles_watch_stop(struct ramfiles *r)
{
	if (r->inotify >= 0)
		(void)close(r->inotify);
	r->inotify = -1;
}

void ramfiles_watch(struct ramfiles *r, int fd, struct known *k)
{
	uint32_t mask = (changes & IN_ALL_EVENTS) | IN_ONLYDIR | IN_EXCL_UNLINK;
	char path[32];
	int watch;

	if (k->watch > 0 || r->inotify < 0)
		return;
	if (r->counts_use)
		mask |= IN_OPEN | IN_ACCESS;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	watch = inotify_add_watch(r->inotify, path, mask);
	k->watch = watch > 0 ? watch : 0;
	r->is_unwatched = r->is_unwatched || watch < 0;
}

/* The bit of a name in a folder. */
static unsigned bit_of(int watch, const char *name)
{
	uint32_t hash = 2166136261U ^ (uint32_t)watch; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return hash % SUSPECTS;
}

bool ramfiles_is_suspect(const struct ramfiles *r, int watch, const char *name)
{
	const unsigned bit = bit_of(watch, name);

	return (r->suspects[bit / 8] & (1U << bit % 8)) != 0;
}

void ramfiles_begin_hearing(struct ramfiles *r)
{
	r->has_moved = r->has_come = r->is_behind = false;
	for (size_t i = 0; i < sizeof(r->suspects); i++)
		r->suspects[i] |= r->written[i];
	memset(r->written, 0, sizeof(r->written));
}

static void take(struct ramfiles *r, const struct inotify_event *e, bool own)
{
	const uint32_t use = IN_OPEN | IN_ACCESS | changes;

	if (!own && (e->mask & use) != 0)
		r->uses++;
	/* A second name, and then the end of the first, is a move as well. */
	if ((e->mask & (IN_MOVE | IN_Q_OVERFLOW)) != 0 ||
	    ((e->mask & IN_DELETE) != 0 && r->has_come))
		r->has_moved = true;
	r->has_come = r->has_come || (e->mask & IN_CREATE) != 0;
	/* Who has been written to is not known then. */
	if ((e->mask & IN_Q_OVERFLOW) != 0)
		memset(r->written, 0xff, sizeof(r->written));
	if ((e->mask & (IN_MODIFY | IN_CLOSE_WRITE)) != 0 && e->len > 0) {
		const unsigned bit = bit_of(e->wd, e->name);

		r->written[bit / 8] |= (uint8_t)(1U << bit % 8);
	}
}

bool ramfiles_hear(struct ramfiles *r, bool own)
{
	/* Aligned as its man page has it. */
	_Alignas(struct inotify_event) char buf[4096];
	bool heard = false;
	ssize_t len;

	while ((len = read(r->inotify, buf, sizeof(buf))) > 0) {
		const char *p = buf;

		while (p < buf + len) {
			const struct inotify_event *e = (const void *)p;

			take(r, e, own);
			heard = heard || (e->mask & changes) != 0;
			p += sizeof(*e) + e->len;
		}
	}
	explicit_bzero(buf, sizeof(buf));
	return heard;
}
