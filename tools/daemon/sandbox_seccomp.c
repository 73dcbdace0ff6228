/* SPDX-License-Identifier: MIT */
/*
 * The lists are by purpose.  They hold what glibc 2.36 and 2.41 (Debian 12 and
 * 13) make of the calls, on x86-64 and arm64; libseccomp leaves out what an
 * architecture does not have.
 */
#include "sandbox_seccomp.h"

#include "crypto/poison.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Allowed, whatever the arguments; what is called most comes first. */
static const int always[] = {
	/* descriptors that are open */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(pwritev2),
	SCMP_SYS(preadv),
	SCMP_SYS(preadv2),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	/* threads and time */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(gettid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	/* memory; see also below */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(memfd_secret),
	SCMP_SYS(munlock),
	SCMP_SYS(getrandom),
	/* files; where they may be written, Landlock says */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(stat),
	SCMP_SYS(fstat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(chdir),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(syncfs),
	SCMP_SYS(sync_file_range),
	SCMP_SYS(fchown),
	SCMP_SYS(fchmod),
	SCMP_SYS(fadvise64),
	/* files in memory are watched, and read back */
	SCMP_SYS(inotify_add_watch),
	SCMP_SYS(lgetxattr),
	SCMP_SYS(llistxattr),
	/* the control socket and the keeper, open by then */
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(accept4),
	SCMP_SYS(getsockopt),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(wait4),
	/* about itself */
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrlimit),
	SCMP_SYS(capget),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(setsid),
#if defined(WITH_ASAN) || defined(__SANITIZE_THREAD__)
	/* what their run-time libraries need */
	SCMP_SYS(mprotect),
	SCMP_SYS(mmap),
#endif
};

/* Allowed if the argument with that index, under mask, has that value. */
static const struct {
	int call;
	struct scmp_arg_cmp arg;
} sometimes[] = {
	/* nothing that can be run */
	{SCMP_SYS(mmap), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	{SCMP_SYS(mprotect), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	/* threads, and no processes */
	{SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}},
	/* is standard error a terminal? */
	{SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TCGETS, 0}},
	/* what limits are, not to change them */
	{SCMP_SYS(prlimit64), {2, SCMP_CMP_EQ, 0, 0}},
	/* which version it has */
	{SCMP_SYS(landlock_create_ruleset), {0, SCMP_CMP_EQ, 0, 0}},
	{SCMP_SYS(prctl), {0, SCMP_CMP_EQ, PR_GET_DUMPABLE, 0}},
	{SCMP_SYS(prctl), {0, SCMP_CMP_EQ, PR_GET_NO_NEW_PRIVS, 0}},
	{SCMP_SYS(prctl), {0, SCMP_CMP_EQ, PR_GET_SECCOMP, 0}},
	{SCMP_SYS(prctl), {0, SCMP_CMP_EQ, PR_CAPBSET_READ, 0}},
	{SCMP_SYS(prctl), {0, SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0}},
	{SCMP_SYS(prctl), {0, SCMP_CMP_EQ, PR_SET_NAME, 0}},
};

static int allow(scmp_filter_ctx ctx)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < COUNT(always); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, always[i], 0);
	for (size_t i = 0; err == 0 && i < COUNT(sometimes); i++)
		err = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
					     sometimes[i].call, 1,
					     &sometimes[i].arg);
	/* Its own threads, as pthread_kill(3) does. */
	if (err == 0)
		err = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	/* Whether an ambient capability is set, as capget(2) does not tell. */
	if (err == 0)
		err = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 2,
			SCMP_A0(SCMP_CMP_EQ, PR_CAP_AMBIENT, 0),
			SCMP_A1(SCMP_CMP_EQ, PR_CAP_AMBIENT_IS_SET, 0));
	return err;
}

static int refuse(scmp_filter_ctx ctx)
{
	int err;

	/* The C library goes back to clone(2), whose flags can be seen. */
	err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
			       0);
	if (err == 0)
		err = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS,
				       SCMP_SYS(execve), 0);
	if (err == 0)
		err = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS,
				       SCMP_SYS(execveat), 0);
	return err;
}

int seccomp_mode(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
}

int seccomp_enter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (ctx == NULL)
		return -ENOMEM;
	err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (err == 0)
		err = allow(ctx);
	if (err == 0)
		err = refuse(ctx);
	if (err == 0)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}
