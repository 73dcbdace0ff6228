/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FAULTS_IO_IMPL_H
#define TZ_TESTS_FAULTS_IO_IMPL_H

/* What io.c decides of a call, and io_data.c and io_name.c have to make. */

#include "io.h"

#include <fcntl.h>

/* A call, with the name of the function that it stands in.  First of what
 * follows is the descriptor. */
#define IO_CALL(c, kind, ...)                                                  \
	struct io_call c = {.name = __func__,                                  \
			    .what = (kind),                                    \
			    .other_fd = AT_FDCWD,                              \
			    .fd = __VA_ARGS__}

/* Under another name, for those who are built with it. */
#define IO_ALIAS(f) __attribute__((alias(f)))

/* Is it to be made?  Otherwise errno is set, and -1 its result. */
bool io_enter(struct io_call *c);

/* It was made: takes note of it, and returns its result. */
long io_leave(struct io_call *c, long result);

/* Write the C library's own function of that name into *ret, a pointer. */
void io_real(void *ret, const char *name);

#endif
