/* SPDX-License-Identifier: MIT */
/*
 * mount.tazpodfs(8): what mount(8) calls for `mount -t tazpodfs`.  It runs
 * tazpodfs and translates its exit code.
 */
#include "msg.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
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

static int run(char *const argv[])
{
	char path[PATH_MAX];
	int status;
	pid_t child;

	find_tazpodfs(path);
	child = fork();
	if (child == 0) {
		(void)execv(path, argv);
		msg_say("%s: %s", path, strerror(errno));
		_exit(EXIT_MEMORY);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		msg_say("cannot run %s: %s", path, strerror(errno));
		return MOUNT_SYSTEM;
	}
	return translate(status);
}

int main(int argc, char *argv[])
{
	/* mount(8) puts the two names first, then its options. */
	char *args[8] = {(char *)"tazpodfs"};
	int n = 1, c;
	bool fake = false;

	msg_program("mount.tazpodfs");
	if (argc < 3 || argv[1][0] == '-' || argv[2][0] == '-') {
		(void)fputs(usage, stderr);
		return MOUNT_USAGE;
	}
	optind = 3;
	while ((c = getopt(argc, argv, "sfnvo:t:N:")) != -1) {
		if (c == '?' || c == 'N') {
			(void)fputs(usage, stderr);
			return MOUNT_USAGE;
		}
		if (c == 'f')
			fake = true;
		if (c == 'o') {
			args[n++] = (char *)"-o";
			args[n++] = optarg;
			if (n > 4) /* mount(8) gives one list */
				return MOUNT_USAGE;
		}
	}
	args[n++] = (char *)"--";
	args[n++] = argv[1];
	args[n++] = argv[2];
	return fake ? MOUNT_DONE : run(args);
}
