/* SPDX-License-Identifier: MIT */
/* Two stat structures side by side. */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool differs(const struct report *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(r->what, r->room, format, args);
	va_end(args);
	return true;
}

static bool is_now(const struct timespec *t)
{
	time_t away = t->tv_sec - time(NULL);

	/* No time that an operation sets is within 10 years of now. */
	return away > -100000000 && away < 100000000;
}

/* Set by the clock on both sides, or to the same value. */
static bool same_time(const struct timespec *a, const struct timespec *b)
{
	if (is_now(a) || is_now(b))
		return is_now(a) && is_now(b);
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool number_differs(const struct report *r, const char *name,
			   const char *field, intmax_t a, intmax_t b)
{
	return a != b && differs(r, "%s: %s %#jo (%jd), not %#jo (%jd)", name,
				 field, (uintmax_t)b, b, (uintmax_t)a, a);
}

static bool time_differs(const struct report *r, const char *name,
			 const char *field, const struct timespec *a,
			 const struct timespec *b)
{
	return !same_time(a, b) &&
	       differs(r, "%s: %s %jd.%09ld, not %jd.%09ld", name, field,
		       (intmax_t)b->tv_sec, b->tv_nsec, (intmax_t)a->tv_sec,
		       a->tv_nsec);
}

bool stat_differs(const struct report *r, const struct stat *a,
		  const struct stat *b, const char *name)
{
	bool regular = S_ISREG(a->st_mode);

	if (number_differs(r, name, "mode", a->st_mode, b->st_mode) ||
	    number_differs(r, name, "nlink", (intmax_t)a->st_nlink,
			   (intmax_t)b->st_nlink) ||
	    number_differs(r, name, "uid", a->st_uid, b->st_uid) ||
	    number_differs(r, name, "gid", a->st_gid, b->st_gid) ||
	    time_differs(r, name, "mtime", &a->st_mtim, &b->st_mtim) ||
	    time_differs(r, name, "ctime", &a->st_ctim, &b->st_ctim) ||
	    time_differs(r, name, "atime", &a->st_atim, &b->st_atim))
		return true;
	/* What folders take is for each file system to say. */
	if (!S_ISDIR(a->st_mode) &&
	    number_differs(r, name, "size", a->st_size, b->st_size))
		return true;
	return regular && r->holes &&
	       number_differs(r, name, "blocks", a->st_blocks, b->st_blocks);
}
