/* SPDX-License-Identifier: MIT */
#include "usermount.h"

#include "tools/machine/caps.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

bool usermount_is_needed(void)
{
	return !caps_have(CAP_SYS_ADMIN);
}

/* Look for fusermount3 as it will be looked for. */
static bool find(char path[static PATH_MAX])
{
	const char *set = getenv("PATH");
	const char *dirs = set != NULL ? set : "/bin:/usr/bin";
	size_t len;

	for (; *dirs != '\0'; dirs += len) {
		dirs += *dirs == ':';
		len = strcspn(dirs, ":");
		if (snprintf(path, PATH_MAX, "%.*s/fusermount3", (int)len,
			     dirs) < PATH_MAX &&
		    access(path, X_OK) == 0)
			return true;
	}
	return false;
}

const char *usermount_obstacle(void)
{
	char path[PATH_MAX];
	struct stat st;
	struct statvfs fs;

	if (!find(path))
		return "fusermount3 is not installed";
	/* In a user namespace without root, root's files are nobody's. */
	if (stat(path, &st) != 0 || (st.st_mode & S_ISUID) == 0 ||
	    st.st_uid != 0)
		return "fusermount3 is not setuid root here";
	if (statvfs(path, &fs) != 0 || (fs.f_flag & ST_NOSUID) != 0)
		return "fusermount3 is where setuid has no effect";
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
		return "fusermount3 gets no rights, as no_new_privs is set";
	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 1)
		return "fusermount3 may not mount in this container";
	if (access("/dev/fuse", R_OK | W_OK) != 0)
		return "/dev/fuse is missing, or not for this user";
	return NULL;
}

/* The descriptor that comes through fd, or -errno. */
static int receive(int fd)
{
	union {
		struct cmsghdr header;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	uint8_t byte;
	struct iovec iov = {&byte, sizeof(byte)};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};
	const struct cmsghdr *c;
	ssize_t n;
	int got;

	do
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&h);
	/* It closes its end when it fails. */
	if (n == 0 || c == NULL || c->cmsg_type != SCM_RIGHTS)
		return -ENODEV;
	memcpy(&got, CMSG_DATA(c), sizeof(got));
	return got;
}

/* environ, with variable before all others; the caller frees it. */
static char **environ_with(char *variable)
{
	size_t count = 0;
	char **env;

	while (environ[count] != NULL)
		count++;
	env = calloc(count + 2, sizeof(*env));
	if (env == NULL)
		return NULL;
	env[0] = variable;
	memcpy(env + 1, environ, count * sizeof(*env));
	return env;
}

/* Start fusermount3 with the socket fd.  0 or -errno. */
static int start(pid_t *pid, const char *dir, const char *options, int fd)
{
	const char *const argv[] = {"fusermount3", "-o", options,
				    "--",	   dir,	 NULL};
	char variable[32];
	char **env = environ_with(variable);
	posix_spawn_file_actions_t actions;
	int err;

	if (env == NULL)
		return -ENOMEM;
	(void)snprintf(variable, sizeof(variable), "_FUSE_COMMFD=%d", fd);
	err = posix_spawn_file_actions_init(&actions);
	if (err == 0) {
		/* Onto itself: it is kept open over exec. */
		err = posix_spawn_file_actions_adddup2(&actions, fd, fd);
		if (err == 0)
			err = posix_spawnp(pid, argv[0], &actions, NULL,
					   (char *const *)(uintptr_t)argv, env);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	free(env);
	return -err;
}

int usermount(const char *dir, const char *options)
{
	int ends[2], status, err, fd;
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	err = start(&pid, dir, options, ends[0]);
	(void)close(ends[0]);
	fd = err == 0 ? receive(ends[1]) : err;
	(void)close(ends[1]);
	if (err != 0)
		return err;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return fd;
}
