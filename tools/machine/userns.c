/* SPDX-License-Identifier: MIT */
#include "userns.h"

#include "caps.h"
#include "tools/daemon/usermount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a table of the kernel's takes in one write, and more than it has. */
enum { TABLE_MAX = 4096 };

/*
 * To mount; to unmount copies in other namespaces (keeper.h); to read and wipe
 * files that are closed even to their owner (fs/ramfiles.h).
 */
static const unsigned mounting[] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE,
				    CAP_SYS_CHROOT, CAP_DAC_READ_SEARCH,
				    CAP_DAC_OVERRIDE};

/* Write text into a file of that process in /proc.  0 or -errno. */
static int put(pid_t pid, const char *name, const char *text)
{
	char path[64];
	ssize_t n;
	int fd, err;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	err = n < 0 ? -errno : 0;
	(void)close(fd);
	return err;
}

/* The table of this namespace with each id as itself, in text. */
static int read_ids(char text[static TABLE_MAX], const char *name)
{
	unsigned long first, count;
	size_t len = 0;
	FILE *f = fopen(name, "re");

	if (f == NULL)
		return -errno;
	text[0] = '\0';
	while (len < TABLE_MAX - 64 &&
	       fscanf(f, "%lu %*u %lu", &first, &count) == 2)
		len += (size_t)snprintf(text + len, TABLE_MAX - len,
					"%lu %lu %lu\n", first, first, count);
	(void)fclose(f);
	return len > 0 ? 0 : -EINVAL;
}

/*
 * Be the child that stays behind, where the ids are, and maps them for its
 * parent when that has left.
 */
static _Noreturn void map_for(pid_t pid, int left)
{
	static char users[TABLE_MAX], groups[TABLE_MAX];
	char byte;
	int err = read_ids(users, "/proc/self/uid_map");

	if (err == 0)
		err = read_ids(groups, "/proc/self/gid_map");
	if (read(left, &byte, 1) != 1)
		err = -ECHILD;
	if (err == 0)
		err = put(pid, "gid_map", groups);
	if (err == 0)
		err = put(pid, "uid_map", users);
	_exit(err == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Map who this is, and nobody else, which everybody may. */
static int map_self(uid_t uid, gid_t gid)
{
	char text[64];
	int err = put(getpid(), "setgroups", "deny");

	if (err != 0 && err != -ENOENT)
		return err;
	(void)snprintf(text, sizeof(text), "%u %u 1\n", uid, uid);
	err = put(getpid(), "uid_map", text);
	(void)snprintf(text, sizeof(text), "%u %u 1\n", gid, gid);
	return err == 0 ? put(getpid(), "gid_map", text) : err;
}

/* Has the child done it? */
static bool has_mapped(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* Make both namespaces, with all ids.  0, or -errno with is_left said. */
static int unshare_with_child(bool *is_left)
{
	const pid_t self = getpid();
	int ends[2], err = 0;
	pid_t child;

	*is_left = false;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	child = fork();
	if (child == 0) {
		(void)close(ends[1]);
		map_for(self, ends[0]);
	}
	(void)close(ends[0]);
	if (child < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		err = -errno;
	*is_left = err == 0;
	if (err == 0)
		(void)!write(ends[1], "", 1);
	(void)close(ends[1]);
	if (child > 0 && !has_mapped(child) && err == 0)
		err = -EPERM;
	return err;
}

/* Make both namespaces.  0 or -errno. */
static int unshare_users(void)
{
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	bool is_left = false;

	if (caps_have(CAP_SETUID) && caps_have(CAP_SETGID)) {
		int err = unshare_with_child(&is_left);

		if (err == 0 || !is_left)
			return err;
	}
	if (!is_left && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return -errno;
	return map_self(uid, gid);
}

static enum exit_code complain(int err, bool has_users, const char *why)
{
	if (!has_users)
		return msg_fail(EXIT_MOUNT,
				"cannot make a mount namespace: %s; 'tazpod "
				"doctor' tells more",
				strerror(-err));
	return msg_fail(EXIT_MOUNT,
			"cannot mount%s%s, and no user namespace can be had to "
			"mount in: %s; 'tazpod doctor' tells more",
			why != NULL ? ": " : "", why != NULL ? why : "",
			err == -ENOSPC ? "user.max_user_namespaces is reached"
				       : strerror(-err));
}

enum exit_code userns_enter(struct userns *ret, const char *why)
{
	struct userns n = {.is_entered = true,
			   .has_users = usermount_is_needed(),
			   .rights = caps_effective()};
	int err = 0;

	if (n.has_users)
		err = unshare_users();
	else if (unshare(CLONE_NEWNS) != 0)
		err = -errno;
	/*
	 * Not private: a disk that is unmounted outside is not kept busy.
	 * Where the machine allows a user namespace nothing, this fails.
	 */
	if (err == 0 && mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
		err = -errno;
	if (err != 0)
		return complain(err, n.has_users, why);
	*ret = n;
	return EXIT_DONE;
}

/* Is the namespace called name another one there than here? */
static bool is_other(pid_t pid, const char *name)
{
	struct stat here, there;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	if (stat(path, &there) != 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, &here) == 0 &&
	       (here.st_ino != there.st_ino || here.st_dev != there.st_dev);
}

int userns_join(struct userns *ret, pid_t pid)
{
	struct userns n = {.is_entered = true,
			   .has_users = is_other(pid, "user"),
			   .rights = caps_effective()};
	char *dir = getcwd(NULL, 0);
	const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	int err = 0;

	/* What was looked at may be another process by now: this one is it. */
	if (fd < 0 ||
	    setns(fd, CLONE_NEWNS | (n.has_users ? CLONE_NEWUSER : 0)) != 0)
		err = -errno;
	if (fd >= 0)
		(void)close(fd);
	if (err == 0 && dir != NULL)
		(void)!chdir(dir);
	free(dir);
	if (err == 0)
		*ret = n;
	return err;
}

int userns_let_mount(const struct userns *n)
{
	if (!n->has_users)
		return 0;
	return caps_hand_on(mounting, sizeof(mounting) / sizeof(mounting[0]));
}

int userns_give_up(const struct userns *n)
{
	return n->has_users ? caps_limit(n->rights) : 0;
}
