/* SPDX-License-Identifier: MIT */
/*
 * mount.tazpodfs(8): what mount(8) calls for `mount -t tazpodfs`.  It runs
 * tazpodfs and translates its exit code.
 */
#include "helper_args.h"
#include "msg.h"
#include "run.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* mount(8), EXIT STATUS */
enum { MOUNT_DONE = 0, MOUNT_USAGE = 1, MOUNT_SYSTEM = 2, MOUNT_FAILED = 32 };

static const char usage[] =
	"usage: mount.tazpodfs VAULT MOUNTPOINT [-sfnv] [-o OPTIONS]\n";

/* tazpodfs beside this program, as in the build folder, else as installed. */
static void find_tazpodfs(char path[static PATH_MAX])
{
	static const char name[] = "tazpodfs";
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(name));
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		memcpy(slash + 1, name, sizeof(name));
		if (access(path, X_OK) == 0)
			return;
	}
	(void)snprintf(path, PATH_MAX, "%s/%s", TZ_BINDIR, name);
}

static int translate(int status)
{
	if (!WIFEXITED(status))
		return MOUNT_SYSTEM;
	switch (WEXITSTATUS(status)) {
	case EXIT_DONE:
		return MOUNT_DONE;
	case EXIT_USAGE:
		return MOUNT_USAGE;
	case EXIT_MEMORY:
		return MOUNT_SYSTEM;
	default:
		return MOUNT_FAILED;
	}
}

static int run(const char *const argv[])
{
	char path[PATH_MAX];
	int status, err;

	find_tazpodfs(path);
	err = run_wait(&status, path, argv);
	if (err != 0) {
		msg_say("cannot run %s: %s", path, strerror(-err));
		return MOUNT_SYSTEM;
	}
	return translate(status);
}

int main(int argc, char *argv[])
{
	const char *args[] = {"tazpodfs", "-o", NULL, "--", NULL, NULL, NULL};
	struct mount_args a;

	msg_program("mount.tazpodfs");
	if (!mount_args_parse(&a, argc, argv)) {
		(void)fputs(usage, stderr);
		return MOUNT_USAGE;
	}
	args[2] = a.options != NULL ? a.options : "rw";
	args[4] = a.vault;
	args[5] = a.dir;
	return a.fake ? MOUNT_DONE : run(args);
}
