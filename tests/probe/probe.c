/* SPDX-License-Identifier: MIT */
/*
 * A daemon that, asked for its status, does what it must not be able to do, and
 * adds to the answer what became of it: "try_NAME=" and 0 or an errno.  Where
 * that is done, the environment says:
 *
 *	PROBE_DIR	a folder that is none of the daemon's, with a file
 *			"file", a folder "folder", and a socket "socket" on
 *			which somebody listens
 *	PROBE_PORT	a TCP port on the loopback on which somebody listens
 *	PROBE_PID	a process of the same user
 *	PROBE_EXEC	if it is set, a program is run at last
 */
#include "tools/daemon/report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

void __real_report_print(FILE *out, const struct report *r);
void __wrap_report_print(FILE *out, const struct report *r);

static const char *value(const char *name)
{
	const char *v = getenv(name);

	return v != NULL ? v : "";
}

static char *in_dir(char path[static PATH_MAX], const char *name)
{
	(void)snprintf(path, PATH_MAX, "%s/%s", value("PROBE_DIR"), name);
	return path;
}

/* 0 or errno, of a call that says -1. */
static int result(long ret)
{
	return ret != -1 ? 0 : errno;
}

static int try_open(const char *name, int flags)
{
	char path[PATH_MAX];
	int fd = open(in_dir(path, name), flags | O_CLOEXEC, 0600);
	int err = result(fd);

	if (fd >= 0)
		(void)close(fd);
	return err;
}

static int try_read(void)
{
	return try_open("file", O_RDONLY);
}

static int try_write(void)
{
	return try_open("file", O_WRONLY);
}

static int try_truncate(void)
{
	char path[PATH_MAX];

	return result(truncate(in_dir(path, "file"), 0));
}

static int try_create(void)
{
	return try_open("created", O_WRONLY | O_CREAT);
}

static int try_mkdir(void)
{
	char path[PATH_MAX];

	return result(mkdir(in_dir(path, "made"), 0700));
}

static int try_unlink(void)
{
	char path[PATH_MAX];

	return result(unlink(in_dir(path, "victim")));
}

static int try_connect(const struct sockaddr *a, socklen_t len)
{
	int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return errno;
	err = result(connect(fd, a, len));
	(void)close(fd);
	return err;
}

static int try_tcp(void)
{
	const struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(value("PROBE_PORT"))),
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};

	return try_connect((const struct sockaddr *)&a, sizeof(a));
}

static int try_unix(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/socket",
		       value("PROBE_DIR"));
	return try_connect((const struct sockaddr *)&a, sizeof(a));
}

static int try_fork(void)
{
	pid_t pid = fork();
	int err = result(pid);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return err;
}

static int try_ptrace(void)
{
	pid_t pid = (pid_t)atoi(value("PROBE_PID"));
	int err = result(ptrace(PTRACE_SEIZE, pid, 0, 0));

	if (err == 0 && ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 &&
	    waitpid(pid, NULL, __WALL) == pid)
		(void)ptrace(PTRACE_DETACH, pid, 0, 0);
	return err;
}

static int try_vm_read(void)
{
	char from = 1, to;
	const struct iovec local = {&to, 1}, remote = {&from, 1};

	return result(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
}

static int try_kill(void)
{
	return result(kill((pid_t)atoi(value("PROBE_PID")), 0));
}

static int try_mount(void)
{
	char path[PATH_MAX];

	return result(
		mount("probe", in_dir(path, "folder"), "tmpfs", 0, "size=4k"));
}

static int try_umount(void)
{
	char path[PATH_MAX];

	return result(umount2(in_dir(path, "mounted"), MNT_DETACH));
}

static int try_mprotect(void)
{
	const size_t len = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err = result(mprotect(p, len, PROT_READ | PROT_EXEC));

	(void)munmap(p, len);
	return err;
}

static int try_mmap(void)
{
	const size_t len = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, len, PROT_READ | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err = p != MAP_FAILED ? 0 : errno;

	if (p != MAP_FAILED)
		(void)munmap(p, len);
	return err;
}

static int try_setuid(void)
{
	return result(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1));
}

void __wrap_report_print(FILE *out, const struct report *r)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} tries[] = {
		{"read", try_read},	    {"write", try_write},
		{"truncate", try_truncate}, {"create", try_create},
		{"mkdir", try_mkdir},	    {"unlink", try_unlink},
		{"tcp", try_tcp},	    {"unix", try_unix},
		{"fork", try_fork},	    {"ptrace", try_ptrace},
		{"vm_read", try_vm_read},   {"kill", try_kill},
		{"mount", try_mount},	    {"umount", try_umount},
		{"mprotect", try_mprotect}, {"mmap", try_mmap},
		{"setuid", try_setuid},
	};
	static char program[] = "/bin/true";
	char *const argv[] = {program, NULL};

	__real_report_print(out, r);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		(void)fprintf(out, "try_%s=%d\n", tries[i].name, tries[i].fn());
	if (getenv("PROBE_EXEC") != NULL)
		(void)execv(program, argv);
}
