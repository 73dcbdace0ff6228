/* SPDX-License-Identifier: MIT */
/* tazpodfs(8): mount a vault. */
#include "crypto/mem.h"
#include "msg.h"
#include "options.h"
#include "tools/daemon/daemon.h"
#include "tools/daemon/place.h"
#include "tools/daemon/program.h"
#include "tools/mounts/stale.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"usage: tazpodfs [-f] [-o OPTIONS] VAULT MOUNTPOINT\n"
	"Mount the vault file VAULT as the folder MOUNTPOINT.\n"
	"\n"
	"  -f           stay in the foreground\n"
	"  -o OPTIONS   ro, create, size=BYTES, nr_inodes=N, uid=N, gid=N,\n"
	"               umask=OCTAL, allow_other, nonempty, nocache, "
	"writeback,\n"
	"               seal=TIME|close|off, seal_max=TIME, keep=N, "
	"inplace,\n"
	"               rollback, secretmem=BYTES|auto|off,\n"
	"               passfile=FILE, passfd=N, passcmd=COMMAND, and "
	"mount(8)'s\n"
	"               own\n"
	"  -h, --help   show this\n"
	"  -V, --version\n"
	"\n"
	"End the mount with 'umount MOUNTPOINT' or 'tazpod lock MOUNTPOINT'.\n";

struct arguments {
	bool foreground;
	struct options options;
	const char *vault;
	char dir[PATH_MAX];
};

/*
 * Descriptors 0 to 2 must be open: else the vault or /dev/fuse could become
 * one of them, and a message would be written into it.
 */
static int open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

static enum exit_code parse(struct arguments *a, int argc, char *argv[])
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	enum exit_code code = EXIT_DONE;
	int c;

	opterr = 0;
	while (code == EXIT_DONE &&
	       (c = getopt_long(argc, argv, "fo:hV", long_options, NULL)) !=
		       -1) {
		switch (c) {
		case 'f':
			a->foreground = true;
			break;
		case 'o':
			code = options_parse(&a->options, optarg);
			break;
		case 'h':
			(void)fputs(usage, stdout);
			exit(EXIT_DONE);
		case 'V':
			(void)puts("tazpodfs " TZ_VERSION);
			exit(EXIT_DONE);
		default:
			return msg_fail(EXIT_USAGE,
					"option '%s' is unknown or lacks its "
					"value; see 'tazpodfs --help'",
					argv[optind - 1]);
		}
	}
	if (code == EXIT_DONE && argc - optind != 2) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	a->vault = argv[optind];
	return code;
}

/* Does dir have anything in it? */
static bool is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool empty = true;

	if (d == NULL)
		return true; /* mounting will tell what is wrong */
	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0;
	(void)closedir(d);
	return empty;
}

/* Is a FUSE mount there whose daemon has gone?  Attributes may be cached. */
static bool is_dead(const char *dir)
{
	struct statfs st;

	return statfs(dir, &st) != 0 && errno == ENOTCONN;
}

static enum exit_code complain_dead(const char *dir)
{
	return msg_fail(EXIT_MOUNT,
			"%s: a mount whose daemon has died is there; run "
			"'umount %s' first",
			dir, dir);
}

/* Clear away what daemons of ours that have died left mounted at dir. */
static void heal(const char *dir)
{
	int count = stale_heal(dir);

	if (count > 0)
		msg_say("%s: the daemon of the mount there had died; "
			"unmounted it",
			dir);
	if (count < 0)
		msg_say("%s: cannot unmount what is there: %s", dir,
			strerror(-count));
}

/* Find out all that can be known before anybody is asked for a passphrase. */
static enum exit_code check_place(struct arguments *a, const char *dir)
{
	struct stat st;
	bool served;

	heal(dir);
	served = stale_is_served(dir);
	/* It may be dying just now. */
	if (served && !stale_answers(dir)) {
		heal(dir);
		served = stale_is_served(dir);
	}
	if (served && place_is_mount(dir) && !a->options.nonempty)
		return place_complain_busy(dir);
	if (realpath(dir, a->dir) == NULL || stat(a->dir, &st) != 0) {
		if (errno == ENOTCONN)
			return complain_dead(dir);
		if (errno == ENOENT)
			return msg_fail(EXIT_MOUNT,
					"%s: no such mount point; make the "
					"folder first",
					dir);
		return msg_fail(EXIT_MOUNT, "%s: cannot be mounted on: %s", dir,
				strerror(errno));
	}
	if (!S_ISDIR(st.st_mode))
		return msg_fail(EXIT_MOUNT, "%s: not a folder", dir);
	if (!served && is_dead(a->dir))
		return complain_dead(dir);
	if (place_is_mount(a->dir) && !a->options.nonempty)
		return place_complain_busy(dir);
	if (!a->options.nonempty && !is_empty(a->dir))
		return msg_fail(EXIT_MOUNT,
				"%s: not empty; what is in it would be hidden. "
				"Use an empty folder, or give -o nonempty",
				dir);
	return daemon_check(&a->options, dir);
}

enum { INHERITED_MAX = 256 };

/* The daemon is up.  Its parent, if it has one, is told through a pipe. */
struct parent {
	int pipe;		       /* -1 in the foreground */
	int null;		       /* /dev/null, or -1 */
	bool inherited[INHERITED_MAX]; /* descriptors of who started it */
};

/*
 * Which descriptors are there before any of ours, but the standard three and
 * those that are closed anyhow?  They are kept until the vault is open, as
 * passfile=/dev/fd/N may be one of them.
 */
static void note_inherited(struct parent *p, int passfd)
{
	for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++)
		p->inherited[fd] = fd != p->pipe && fd != passfd &&
				   fcntl(fd, F_GETFD) >= 0;
}

/* A script's lock or pipe would be held for as long as the mount is there. */
static void close_inherited(const struct parent *p)
{
	for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++)
		if (p->inherited[fd])
			(void)close(fd);
}

static void tell_parent(int pipe, enum exit_code code)
{
	const unsigned char byte = (unsigned char)code;

	(void)!write(pipe, &byte, 1);
	(void)close(pipe);
}

static void on_ready(void *ctx)
{
	struct parent *p = ctx;

	if (p->pipe < 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, 0);
	(void)setsid();
	/* Where it was started shall not be busy because of it. */
	(void)!chdir("/");
	for (int fd = 0; p->null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(p->null, fd);
	close_inherited(p);
	tell_parent(p->pipe, EXIT_DONE);
	p->pipe = -1;
}

/* Serve, and leave the process; nothing of it may be reused. */
static _Noreturn void serve(const struct arguments *a, struct parent *p)
{
	const struct daemon_parts parts = {
		.options = &a->options,
		.vault = a->vault,
		.dir = a->dir,
		.ready = on_ready,
		.ctx = p,
	};
	enum exit_code code;

	/* Who started it may be gone when it is told. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* A vault beyond a limit on files is a save that fails, no more. */
	(void)signal(SIGXFSZ, SIG_IGN);
	note_inherited(p, a->options.pass.fd);
	/* What cannot be opened any more when it is needed. */
	msg_log_open();
	program_remember();
	p->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	code = daemon_run(&parts);

	if (p->pipe >= 0)
		tell_parent(p->pipe, code);
	(void)fflush(NULL);
	mem_wipe_all();
	_exit(code);
}

/* If the terminal has stopped child, stop as well: the shell looks at us. */
static void stop_with(pid_t child)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOHANG) != 0 ||
	    info.si_pid != child || info.si_code != CLD_STOPPED)
		return;
	if (info.si_status == SIGTSTP || info.si_status == SIGTTIN ||
	    info.si_status == SIGTTOU)
		(void)raise(SIGSTOP);
}

/*
 * Wait until pipe can be read.  Keys that send signals are the child's affair
 * meanwhile: it may have to put the terminal right first, and if the shell
 * thought that all was over, both would.
 */
static void await_word(int pipe, pid_t child)
{
	struct signalfd_siginfo ignored;
	struct pollfd p[] = {{.fd = pipe, .events = POLLIN},
			     {.fd = -1, .events = POLLIN}};
	sigset_t news;

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	(void)signal(SIGTSTP, SIG_IGN);
	(void)sigemptyset(&news);
	(void)sigaddset(&news, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &news, NULL);
	p[1].fd = signalfd(-1, &news, SFD_CLOEXEC | SFD_NONBLOCK);
	/* It may have stopped before this was set up. */
	stop_with(child);
	while (poll(p, 2, -1) < 0 || p[0].revents == 0) {
		(void)!read(p[1].fd, &ignored, sizeof(ignored));
		stop_with(child);
	}
	if (p[1].fd >= 0)
		(void)close(p[1].fd);
}

/* Wait for the daemon's word: its exit code, or 0 once it serves. */
static enum exit_code await(int pipe, pid_t child)
{
	unsigned char byte;
	ssize_t n;
	int status;

	await_word(pipe, child);
	do
		n = read(pipe, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return (enum exit_code)byte;
	if (waitpid(child, &status, 0) == child && WIFSIGNALED(status)) {
		(void)signal(WTERMSIG(status), SIG_DFL);
		(void)raise(WTERMSIG(status));
	}
	return msg_fail(EXIT_FAILED, "the daemon ended before it served");
}

static enum exit_code background(const struct arguments *a)
{
	pid_t parent = getpid(), child;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return msg_fail(EXIT_FAILED, "pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		return msg_fail(EXIT_FAILED, "fork: %s", strerror(errno));
	if (child == 0) {
		struct parent p = {.pipe = ends[1], .null = -1};

		(void)close(ends[0]);
		/* Until it serves, it lives and dies with who started it. */
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(EXIT_FAILED);
		serve(a, &p);
	}
	(void)close(ends[1]);
	return await(ends[0], child);
}

int main(int argc, char *argv[])
{
	struct arguments a = {0};
	struct parent none = {.pipe = -1, .null = -1};
	enum exit_code code;

	if (open_standard_fds() != 0)
		return EXIT_FAILED;
	msg_program("tazpodfs");
	options_init(&a.options);
	code = parse(&a, argc, argv);
	if (code == EXIT_DONE)
		code = check_place(&a, argv[optind + 1]);
	if (code == EXIT_DONE && a.foreground)
		serve(&a, &none);
	if (code == EXIT_DONE)
		code = background(&a);
	options_free(&a.options);
	return (int)code;
}
