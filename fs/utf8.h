/* SPDX-License-Identifier: MIT */
#ifndef TZ_UTF8_H
#define TZ_UTF8_H

/*
 * libarchive turns names between bytes and UTF-8 by the rules of the thread's
 * locale, so whoever calls it first enters C.UTF-8.
 */

#include <locale.h>

/* Enter it.  *old and *ours are for utf8_leave().  0 or -ENOMEM. */
int utf8_enter(locale_t *old, locale_t *ours);

/* Go back to the locale before. */
void utf8_leave(locale_t old, locale_t ours);

#endif
