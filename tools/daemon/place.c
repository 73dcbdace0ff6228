/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HOLD_STEPS = 200 }; /* of 10 ms */

static bool is_root(int at, const char *path)
{
	struct statx st;

	/* Who wants to know nothing is told that even of strangers' mounts. */
	return statx(at, path,
		     AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0,
		     &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool place_is_mount(const char *dir)
{
	return is_root(AT_FDCWD, dir);
}

enum exit_code place_complain_busy(const char *dir)
{
	return msg_fail(EXIT_MOUNT,
			"%s: busy: something is mounted there; unmount it "
			"first, or give -o nonempty",
			dir);
}

/*
 * The folder itself, never what is mounted there meanwhile: opening that would
 * ask a daemon, which may not serve yet.
 */
static int open_folder(const char *dir)
{
	int path = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;

	if (path >= 0 && !is_root(path, ""))
		fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (path >= 0)
		(void)close(path);
	return fd;
}

int place_hold(const char *dir)
{
	const struct timespec step = {.tv_nsec = 10000000};
	int fd = open_folder(dir), steps = 0;

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) ||
		    steps++ == HOLD_STEPS) {
			(void)close(fd);
			fd = -1;
		} else {
			(void)nanosleep(&step, NULL);
		}
	}
	return fd;
}
