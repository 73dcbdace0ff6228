/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include "caps.h"
#include "machine_mounts.h"
#include "tools/daemon/sandbox_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_memfd_secret /* Linux 5.14; the same number everywhere */
#define SYS_memfd_secret 447
#endif

/* Up to 255 bytes from the start of a file, as text; "" if it has none. */
static const char *head(char buf[static 256], const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, 255) : 0;

	if (fd >= 0)
		(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

/* Does a file begin with that letter? */
static bool says(const char *path, char letter)
{
	char buf[256];

	return head(buf, path)[0] == letter;
}

/* A number in a file, or otherwise. */
static int number(const char *path, int otherwise)
{
	char buf[256], *end;
	long n;

	errno = 0;
	n = strtol(head(buf, path), &end, 10);
	if (end == buf || errno != 0)
		return otherwise;
	return n > INT_MAX ? INT_MAX : (int)n;
}

/* Does a file have that line, blanks around it aside? */
static bool has_line(const char *path, const char *wanted)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (in != NULL && !found && getline(&line, &room, in) >= 0) {
		char *p = line + strspn(line, " \t");

		p[strcspn(p, " \t\n")] = '\0';
		found = strcmp(p, wanted) == 0;
	}
	free(line);
	if (in != NULL)
		(void)fclose(in);
	return found;
}

/* What container engines leave for whoever asks. */
static bool looks_contained(void)
{
	char buf[256];
	struct statfs st;

	return access("/.dockerenv", F_OK) == 0 ||
	       access("/run/.containerenv", F_OK) == 0 ||
	       access("/run/systemd/container", F_OK) == 0 ||
	       getenv("container") != NULL ||
	       getenv("KUBERNETES_SERVICE_HOST") != NULL ||
	       strncmp(head(buf, "/proc/1/environ"), "container=", 10) == 0 ||
	       (statfs("/", &st) == 0 && st.f_type == OVERLAYFS_SUPER_MAGIC);
}

static void probe_place(struct machine *m)
{
	struct utsname name;

	if (uname(&name) == 0) {
		(void)snprintf(m->release, sizeof(m->release), "%s",
			       name.release);
		(void)sscanf(name.release, "%u.%u", &m->major, &m->minor);
	}
	m->is_container = looks_contained();
	m->is_first = getpid() == 1;
	m->is_initial = caps_are_global();
	m->has_admin = caps_have(CAP_SYS_ADMIN);
	m->has_ipc_lock = caps_have(CAP_IPC_LOCK);
	m->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	m->is_filtered =
		prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER;
}

/* The path of a program, looked for as execvp(3) does. */
static bool find_program(char path[static PATH_MAX], const char *name)
{
	const char *list = getenv("PATH");

	if (list == NULL)
		list = "/bin:/usr/bin";
	while (*list != '\0') {
		const size_t n = strcspn(list, ":");

		(void)snprintf(path, PATH_MAX, "%.*s/%s", n > 0 ? (int)n : 1,
			       n > 0 ? list : ".", name);
		if (access(path, X_OK) == 0)
			return true;
		list += n;
		list += *list == ':';
	}
	return false;
}

/* Does what root runs here have a say in our mount namespace? */
static bool has_mounts(void)
{
	int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), owner;

	if (fd < 0)
		return false;
	/* It may belong to a user namespace that we are not in. */
	owner = ioctl(fd, NS_GET_USERNS);
	(void)close(fd);
	if (owner < 0)
		return errno == ENOTTY; /* Linux before 4.9 */
	(void)close(owner);
	return true;
}

/* Would fusermount3 have the right to mount? */
static int probe_fusermount(const struct machine *m)
{
	char path[PATH_MAX];
	struct statvfs fs;
	struct stat st;
	bool gains;

	if (!find_program(path, "fusermount3"))
		return -ENOENT;
	if (stat(path, &st) != 0 || statvfs(path, &fs) != 0)
		return -errno;
	gains = (st.st_uid == 0 && (st.st_mode & S_ISUID) != 0) ||
		getxattr(path, "security.capability", NULL, 0) > 0;
	return gains && (fs.f_flag & ST_NOSUID) == 0 && !m->no_new_privs &&
			       prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) ==
				       1 &&
			       has_mounts()
		       ? 0
		       : -EPERM;
}

/* How many bytes can be locked, up to MACHINE_LOCK_MAX.  None is touched. */
static uint64_t probe_lockable(void)
{
	size_t room = MACHINE_LOCK_MAX, locked = 0, refused;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = MAP_FAILED;

	for (; p == MAP_FAILED && room > page; room /= 2) {
		p = mmap(NULL, room, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p != MAP_FAILED)
			break;
	}
	if (p == MAP_FAILED)
		return 0;
	/* Each call adds to what is locked already, half of what is left. */
	refused = room + page;
	while (refused - locked > page) {
		const size_t more = (refused - locked) / 2 / page * page;
		const size_t next = locked == 0 && refused > room ? room : more;

		if (syscall(SYS_mlock2, p + locked, next, MLOCK_ONFAULT) == 0)
			locked += next;
		else
			refused = locked + next;
	}
	(void)munmap(p, room);
	return locked;
}

/* Is there memory that the kernel itself cannot read? */
static int probe_secret(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC), err = 0;
	void *p = MAP_FAILED;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)page) == 0)
		p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err = -errno;
	else
		(void)munmap(p, page);
	(void)close(fd);
	return err;
}

static void probe_memory(struct machine *m)
{
	struct rlimit limit = {0};
	char buf[256];

	(void)getrlimit(RLIMIT_MEMLOCK, &limit);
	m->memlock = limit.rlim_cur;
	m->memlock_max = limit.rlim_max;
	m->lockable = probe_lockable();
	m->err_secret = probe_secret();
	m->swap_on = machine_swap_is_on();
	m->zswap_on = says("/sys/module/zswap/parameters/enabled", 'Y');
	m->can_hibernate = head(buf, "/sys/power/disk")[0] != '\0' &&
			   strstr(buf, "[disabled]") == NULL;
}

/* Of a filter that it cannot read, the kernel says so, if it takes any. */
static int probe_seccomp(void)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == 0 ||
			       errno == EFAULT || errno == EACCES
		       ? 0
		       : -errno;
}

bool machine_swap_is_on(void)
{
	char buf[256], *line = strchr(head(buf, "/proc/swaps"), '\n');

	/* The first line has the names of the columns. */
	return line == NULL || line[1] != '\0';
}

bool machine_has_admin_access(void)
{
	return says("/sys/module/fuse/parameters/allow_sys_admin_access", 'Y');
}

void machine_probe(struct machine *ret)
{
	struct machine m = {0};

	probe_place(&m);
	machine_mounts_probe(&m);
	m.err_fusermount = probe_fusermount(&m);
	m.allow_other = has_line("/etc/fuse.conf", "user_allow_other");
	m.admin_access = machine_has_admin_access();
	m.max_userns = number("/proc/sys/user/max_user_namespaces", -1);
	m.is_userns_off =
		number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0;
	m.is_userns_limited =
		number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
		       0) == 1;
	probe_memory(&m);
	m.landlock = landlock_version();
	m.err_seccomp = probe_seccomp();
	*ret = m;
}
