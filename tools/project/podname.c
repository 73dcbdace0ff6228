/* SPDX-License-Identifier: MIT */
#include "podname.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

#define PREFIX "tazpod-"

/* What is left for the folder: without the prefix, "-NNNN" and the NUL. */
enum { FOLDER_MAX = PODNAME_MAX - (sizeof(PREFIX) - 1) - 5 - 1 };

/* What stays of c, in any locale, or '-'. */
static char clean(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
		return c;
	return '-';
}

void podname_make(char ret[static PODNAME_MAX], const char *folder,
		  unsigned digits)
{
	char name[FOLDER_MAX + 1];
	size_t len = 0;

	for (; *folder != '\0' && len < FOLDER_MAX; folder++) {
		char c = clean(*folder);

		if (c != '-' || (len > 0 && name[len - 1] != '-'))
			name[len++] = c;
	}
	if (len > 0 && name[len - 1] == '-')
		len--;
	name[len] = '\0';
	(void)snprintf(ret, PODNAME_MAX, PREFIX "%s-%04u",
		       len > 0 ? name : "project", digits % PODNAME_DIGITS);
}

int podname_digits(unsigned *ret)
{
	/* From here on the smaller remainders would come once more. */
	const unsigned end = UINT16_MAX / PODNAME_DIGITS * PODNAME_DIGITS;
	uint16_t drawn;

	do {
		ssize_t n = getrandom(&drawn, sizeof(drawn), 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n != (ssize_t)sizeof(drawn))
			drawn = UINT16_MAX; /* interrupted: once more */
	} while (drawn >= end);
	*ret = drawn % PODNAME_DIGITS;
	return 0;
}
