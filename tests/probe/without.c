/* SPDX-License-Identifier: MIT */
/*
 *	without CALL ERRNO PROGRAM [ARGUMENT...]
 *
 * Run a program for which that system call fails with that number, as on a
 * kernel that lacks it, or where it goes wrong.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (argc < 4 || ctx == NULL)
		return 2;
	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint16_t)atoi(argv[2])),
			     seccomp_syscall_resolve_name(argv[1]), 0) != 0 ||
	    seccomp_load(ctx) != 0)
		return 2;
	(void)execvp(argv[3], argv + 3);
	(void)fprintf(stderr, "%s: %s\n", argv[3], strerror(errno));
	return 2;
}
