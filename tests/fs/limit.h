/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FS_LIMIT_H
#define TZ_TESTS_FS_LIMIT_H

/* A limit on locked memory, for a child to run within. */

#include <linux/capability.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The sanitizers make mlock(2) do nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LOCKS_ARE_REAL = false };
#else
enum { LOCKS_ARE_REAL = true };
#endif

/* Lower the limit on locked memory, and be bound by it even as root. */
static inline bool limit_locking(rlim_t limit)
{
	const struct rlimit r = {limit, limit};
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];
	struct __user_cap_data_struct *c = &caps[CAP_TO_INDEX(CAP_IPC_LOCK)];

	if (setrlimit(RLIMIT_MEMLOCK, &r) != 0 ||
	    syscall(SYS_capget, &head, caps) != 0)
		return false;
	c->effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	c->permitted &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	return syscall(SYS_capset, &head, caps) == 0;
}

#endif
