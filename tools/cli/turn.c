/* SPDX-License-Identifier: MIT */
#include "turn.h"

#include "tools/msg.h"
#include "tools/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
	QUIET_STEPS = 50, /* of 20 ms, before it is said */
	FD_MAX = 256,	  /* tazpodfs closes what it inherits up to here */
};

/* FNV-1a, 64 bits: two vaults with the same only wait for each other. */
static uint64_t hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return h;
}

/* Programs that are started inherit it. */
static int open_lock(const char *path)
{
	char dir[PATH_MAX], file[PATH_MAX + 32];
	int fd = -1;

	for (unsigned n = 0; n < RUNDIR_COUNT && fd < 0; n++) {
		if (!rundir_get(dir, n, geteuid(), true))
			continue;
		(void)snprintf(file, sizeof(file),
			       "%s/vault-%016" PRIx64 ".lock", dir, hash(path));
		fd = open(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	}
	if (fd >= FD_MAX) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* Does somebody else have it? */
static bool is_taken(int fd, int flags)
{
	int err;

	do
		err = flock(fd, LOCK_EX | flags) != 0 ? errno : 0;
	while (err == EINTR);
	return err == EWOULDBLOCK;
}

int turn_take(const char *path, const char *named)
{
	const struct timespec step = {.tv_nsec = 20000000};
	int fd = open_lock(path), steps = 0;

	while (fd >= 0 && steps < QUIET_STEPS && is_taken(fd, LOCK_NB)) {
		(void)nanosleep(&step, NULL);
		steps++;
	}
	if (steps == QUIET_STEPS) {
		if (isatty(STDERR_FILENO))
			msg_say("waiting for another 'tazpod unlock' of %s",
				named);
		(void)is_taken(fd, 0);
	}
	return fd;
}
