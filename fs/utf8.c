/* SPDX-License-Identifier: MIT */
#include "utf8.h"

#include <errno.h>

int utf8_enter(locale_t *old, locale_t *ours)
{
	*ours = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (*ours == (locale_t)0)
		return -ENOMEM;
	*old = uselocale(*ours);
	return 0;
}

void utf8_leave(locale_t old, locale_t ours)
{
	(void)uselocale(old);
	freelocale(ours);
}
