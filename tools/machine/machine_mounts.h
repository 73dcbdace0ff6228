/* SPDX-License-Identifier: MIT */
#ifndef TZ_MACHINE_MOUNTS_H
#define TZ_MACHINE_MOUNTS_H

/* The part of machine_probe() that mounts, for machine.c alone. */

#include "machine.h"

/*
 * Set all err_* of m that are about mounts and namespaces, but err_fusermount.
 * Mounts are made in namespaces of children, which end with them.
 */
void machine_mounts_probe(struct machine *m);

/* Open /dev/fuse, if it is that.  A descriptor, or -errno. */
int machine_mounts_device(void);

#endif
