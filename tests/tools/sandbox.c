/* SPDX-License-Identifier: MIT */
/*
 * What cannot be done any more once the sandbox has been entered, and what
 * still can.  It is for good, so each test enters it in a child of its own,
 * whose exit status is the number of the check that failed.
 */
#include "tools/daemon/sandbox.h"

#include "tools/daemon/sandbox_landlock.h"
#include "tools/daemon/sandbox_seccomp.h"
#include "tools/machine/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Has a vault in "own", a file in "other", and the state in "state". */
static char top[] = "/tmp/tazpod-sandbox-XXXXXX";

static const char *in_top(const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static int write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int err = fd < 0 ? errno : 0;

	if (fd >= 0)
		(void)close(fd);
	return err;
}

static int make_top(void **state)
{
	(void)state;
	if (mkdtemp(top) == NULL || mkdir(in_top("own"), 0700) != 0 ||
	    mkdir(in_top("other"), 0700) != 0 ||
	    mkdir(in_top("run"), 0700) != 0 ||
	    write_file(in_top("own/vault")) != 0 ||
	    write_file(in_top("other/file")) != 0)
		return -1;
	return setenv("XDG_STATE_HOME", in_top("state"), 1) != 0 ||
			       setenv("XDG_RUNTIME_DIR", in_top("run"), 1) != 0
		       ? -1
		       : 0;
}

static int remove_top(void **state)
{
	char command[PATH_MAX];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* What fn returns in a child that is confined, or minus the signal. */
static int confined(int (*fn)(void), bool read_only)
{
	struct sandbox *s = NULL;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (sandbox_new(&s, in_top("own/vault"), read_only) !=
			    EXIT_DONE ||
		    sandbox_enter(s, -1, false) != EXIT_DONE)
			_exit(100);
		sandbox_free(s);
		_exit(fn());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* What no daemon needs: each must fail with EPERM before it does anything. */
static const struct {
	long call, first;
} refused[] = {
	{SYS_socket, AF_UNIX},
	{SYS_socket, AF_INET},
	{SYS_socketpair, AF_UNIX},
	{SYS_connect, -1},
	{SYS_ptrace, 0},
	{SYS_process_vm_readv, 0},
	{SYS_process_vm_writev, 0},
	{SYS_pidfd_open, 0},
	{SYS_pidfd_getfd, -1},
	{SYS_kill, 0},
	{SYS_mount, 0},
	{SYS_umount2, 0},
	{SYS_move_mount, -1},
	{SYS_open_tree, -1},
	{SYS_fsopen, 0},
	{SYS_pivot_root, 0},
	{SYS_chroot, 0},
	{SYS_unshare, 0},
	{SYS_setns, -1},
	{SYS_bpf, -1},
	{SYS_io_uring_setup, 0},
	{SYS_keyctl, -1},
	{SYS_add_key, 0},
	{SYS_userfaultfd, -1},
	{SYS_perf_event_open, 0},
	{SYS_memfd_create, 0},
	{SYS_personality, -1},
	{SYS_setuid, 0},
	{SYS_capset, 0},
	{SYS_pkey_mprotect, 0},
	{SYS_seccomp, -1},
	{SYS_open_by_handle_at, -1},
	{SYS_truncate, 0},
	{SYS_symlinkat, 0},
	{SYS_mknodat, -1},
};

enum { REFUSED = sizeof(refused) / sizeof(refused[0]) };

static int try_refused(void)
{
	for (int i = 0; i < REFUSED; i++)
		if (syscall(refused[i].call, refused[i].first, 0, 0, 0, 0, 0) !=
			    -1 ||
		    errno != EPERM)
			return i + 1;
	return 0;
}

static void makes_no_system_call_that_it_does_not_need(void **state)
{
	(void)state;
	assert_int_equal(confined(try_refused, false), 0);
}

static int run_program(void)
{
	char *const argv[] = {NULL};

	(void)execv("/bin/true", argv);
	return 1;
}

static int run_by_descriptor(void)
{
	return (int)syscall(SYS_execveat, -1, "", NULL, NULL, 0);
}

static void is_killed_if_it_runs_a_program(void **state)
{
	(void)state;
	assert_int_equal(confined(run_program, false), -SIGSYS);
	assert_int_equal(confined(run_by_descriptor, false), -SIGSYS);
}

static void *answer(void *ctx)
{
	return seccomp_mode() == 2 && fork() < 0 && errno == EPERM ? ctx : NULL;
}

static int try_processes(void)
{
	pthread_t thread;
	void *ret = NULL;

	if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) != -1 || errno != EPERM)
		return 1;
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		return 2;
	if (pthread_create(&thread, NULL, answer, &ret) != 0)
		return 3;
	return pthread_join(thread, &ret) == 0 && ret != NULL ? 0 : 4;
}

static void starts_threads_which_are_confined_and_no_processes(void **state)
{
	(void)state;
	assert_int_equal(confined(try_processes, false), 0);
}

static int try_memory(void)
{
	const size_t len = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p, len, PROT_READ) != 0)
		return 1;
	if (mprotect(p, len, PROT_READ | PROT_EXEC) == 0 || errno != EPERM)
		return 2;
	if (mmap(NULL, len, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		    MAP_FAILED ||
	    errno != EPERM)
		return 3;
	return mlock(p, len) == 0 ? 0 : 4;
}

static void makes_no_memory_executable(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	(void)state;
	(void)try_memory;
	skip();
#else
	(void)state;
	assert_int_equal(confined(try_memory, false), 0);
#endif
}

/* Only those of the vault's folder and the state folder. */
static int try_files(void)
{
	if (write_file(in_top("own/new")) != 0)
		return 1;
	if (unlink(in_top("own/new")) != 0)
		return 2;
	if (write_file(in_top("state/tazpod/new")) != 0 ||
	    mkdir(in_top("state/tazpod/rescue"), 0700) != 0)
		return 3;
	if (open(in_top("other/file"), O_RDONLY | O_CLOEXEC) < 0)
		return 4;
	if (write_file(in_top("other/file")) != EACCES ||
	    write_file(in_top("other/new")) != EACCES ||
	    write_file(in_top("new")) != EACCES)
		return 5;
	if (unlink(in_top("other/file")) == 0 || errno != EACCES)
		return 6;
	if (mkdir(in_top("own/folder"), 0700) == 0 || errno != EACCES)
		return 7;
	/* Not even what it could write may leave its folder. */
	return linkat(AT_FDCWD, in_top("own/vault"), AT_FDCWD, "/tmp/tazpod-x",
		      0) != 0
		       ? 0
		       : 8;
}

static int try_files_read_only(void)
{
	if (write_file(in_top("own/vault")) != EACCES ||
	    write_file(in_top("own/new")) != EACCES)
		return 1;
	return open(in_top("own/vault"), O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 2;
}

static void writes_to_its_own_folders_alone(void **state)
{
	(void)state;
	if (landlock_version() == 0)
		skip();
	assert_int_equal(confined(try_files, false), 0);
	assert_int_equal(confined(try_files_read_only, true), 0);
}

/* Are lines what sandbox_print() says? */
static bool says(const char *lines)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool same;

	if (out == NULL)
		return false;
	sandbox_print(out);
	(void)fclose(out);
	same = strstr(text, lines) != NULL;
	free(text);
	return same;
}

static int report_all(void)
{
	return says("no_new_privs=yes\n") && says("seccomp=yes\n") &&
			       says(landlock_version() > 0
					    ? "landlock=yes\n"
					    : "landlock=absent\n") &&
			       says("dumpable=no\n")
		       ? 0
		       : 1;
}

static void tells_what_is_in_force(void **state)
{
	(void)state;
	assert_true(says("no_new_privs=no\n"));
	assert_true(says("seccomp=no\n"));
	assert_true(says(landlock_version() > 0 ? "landlock=no\n"
						: "landlock=absent\n"));
	assert_true(says("dumpable=yes\n"));
	assert_int_equal(confined(report_all, false), 0);
}

/* Keep one in a child: its names, as the exit status. */
static int keep_chown(void)
{
	static const unsigned list[] = {CAP_CHOWN};
	const bool had = geteuid() == 0;
	char *names;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    caps_keep(list, 1) != 0)
		return 1;
	names = caps_names();
	if (names == NULL || strcmp(names, had ? "chown" : "") != 0)
		return 2;
	for (int c = 0; had && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) != 0)
			return 3;
	/* What it does not have it does not get. */
	return caps_keep((const unsigned[]){CAP_FOWNER}, 1) == 0 &&
			       strcmp(names = caps_names(), "") == 0
		       ? 0
		       : 4;
}

static void keeps_capabilities_that_are_listed(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(keep_chown());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_no_system_call_that_it_does_not_need),
		cmocka_unit_test(is_killed_if_it_runs_a_program),
		cmocka_unit_test(
			starts_threads_which_are_confined_and_no_processes),
		cmocka_unit_test(makes_no_memory_executable),
		cmocka_unit_test(writes_to_its_own_folders_alone),
		cmocka_unit_test(tells_what_is_in_force),
		cmocka_unit_test(keeps_capabilities_that_are_listed),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
