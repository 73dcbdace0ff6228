/* SPDX-License-Identifier: MIT */
#ifndef TZ_ELSEWHERE_H
#define TZ_ELSEWHERE_H

#include <sys/types.h>

/*
 * The daemon of this user's that serves the vault at path, wherever it is
 * mounted: by its control socket, since the table of mounts does not have what
 * is in other namespaces.  0: none is known.
 */
pid_t elsewhere_serves(const char *path);

#endif
