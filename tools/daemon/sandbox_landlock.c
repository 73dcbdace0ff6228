/* SPDX-License-Identifier: MIT */
#include "sandbox_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * From linux/landlock.h of Linux 6.12; that of Debian 12 ends with version 2.
 * It never changes, but grows at its end, where zeros mean nothing.
 */
struct ruleset_attr {
	uint64_t fs, net, scoped;
};

enum {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_CHAR = 1 << 6,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	MAKE_SOCK = 1 << 9,
	MAKE_FIFO = 1 << 10,
	MAKE_BLOCK = 1 << 11,
	MAKE_SYM = 1 << 12,
	REFER = 1 << 13,     /* version 2 */
	TRUNCATE = 1 << 14,  /* 3 */
	IOCTL_DEV = 1 << 15, /* 5 */

	NET_BIND_TCP = 1 << 0,	  /* 4 */
	NET_CONNECT_TCP = 1 << 1, /* 4 */

	SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, /* 6 */
	SCOPE_SIGNAL = 1 << 1,		     /* 6 */
};

/* Everything on files that version knows, but reading. */
static uint64_t handled_fs(int version)
{
	uint64_t all = EXECUTE | WRITE_FILE | REMOVE_DIR | REMOVE_FILE |
		       MAKE_CHAR | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO |
		       MAKE_BLOCK | MAKE_SYM;

	if (version >= 2)
		all |= REFER;
	if (version >= 3)
		all |= TRUNCATE;
	if (version >= 5)
		all |= IOCTL_DEV;
	return all;
}

static uint64_t allowed(enum landlock_use use)
{
	switch (use) {
	case LANDLOCK_FILE:
		return WRITE_FILE | TRUNCATE;
	case LANDLOCK_FILES:
		return WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE;
	case LANDLOCK_STATE:
		return WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE |
		       MAKE_DIR;
	case LANDLOCK_WIPE:
		return WRITE_FILE | TRUNCATE | REMOVE_FILE | REMOVE_DIR;
	case LANDLOCK_SOCKET:
		return MAKE_SOCK | REMOVE_FILE;
	}
	return 0;
}

int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? (int)version : 0;
}

int landlock_new(int version)
{
	const struct ruleset_attr attr = {
		.fs = handled_fs(version),
		.net = version >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
		.scoped = version >= 6
				  ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL
				  : 0,
	};
	/* Close-on-exec by itself. */
	long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	return fd >= 0 ? (int)fd : -errno;
}

int landlock_allow(int ruleset, int version, int fd, enum landlock_use use)
{
	const struct landlock_path_beneath_attr attr = {
		.allowed_access = allowed(use) & handled_fs(version),
		.parent_fd = fd,
	};

	return syscall(SYS_landlock_add_rule, ruleset,
		       LANDLOCK_RULE_PATH_BENEATH, &attr, 0) == 0
		       ? 0
		       : -errno;
}

int landlock_enter(int ruleset)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0
								    : -errno;
}

bool landlock_holds(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)close(fd);
	return fd < 0 && errno == EACCES;
}
