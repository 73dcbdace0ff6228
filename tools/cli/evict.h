/* SPDX-License-Identifier: MIT */
#ifndef TZ_EVICT_H
#define TZ_EVICT_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * End all processes that hold something of the filesystem with that device
 * number, as holders_find() knows them: SIGTERM first, SIGKILL for those that
 * are still there five seconds later; then once more, for those that have come
 * meanwhile.  Those that started us, and process 1, are left alone; so is who
 * cannot be signalled.  Unless quiet is set, it is said who was ended.
 * Returns 0, or the errors of holders_find().
 */
int evict_holders(dev_t dev, pid_t daemon, bool quiet);

#endif
