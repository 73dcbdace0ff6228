/* SPDX-License-Identifier: MIT */
/* find MAJOR:MINOR DAEMON: who holds something of that filesystem. */
#include "tools/mounts/holders.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <time.h>

static double now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char *argv[])
{
	struct holders h = {0};
	unsigned major, minor;
	double start;
	int err;

	if (argc != 3 || sscanf(argv[1], "%u:%u", &major, &minor) != 2)
		return 2;
	start = now_ms();
	err = holders_find(&h, makedev(major, minor), atoi(argv[2]));
	(void)fprintf(stderr, "looked for %.1f ms\n", now_ms() - start);
	for (const struct holder *one = h.first; one != NULL; one = one->next)
		(void)printf("%s %s\n", one->name, one->path);
	holders_free(&h);
	return err != 0;
}
