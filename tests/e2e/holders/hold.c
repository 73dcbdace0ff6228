/* SPDX-License-Identifier: MIT */
/*
 * hold HOW PATH: hold what is at PATH, say "held PID", and with each SIGUSR1
 * say in a line what is to be seen of it.  SIGTERM ends it, unless HOW says
 * otherwise.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };

static const char *path;
static int fd;
static volatile char *map;
static sigjmp_buf fault;

static const char *result(int r)
{
	return r >= 0 ? "done" : strerrorname_np(errno);
}

static void take_file(void)
{
	fd = open(path, O_RDWR);
	if (fd < 0)
		exit(1);
}

static void see_file(void)
{
	struct stat st;
	char c;

	printf("read %s", result((int)pread(fd, &c, 1, 0)));
	printf(" write %s", result((int)pwrite(fd, "w", 1, 0)));
	printf(" sync %s", result(fsync(fd)));
	printf(" stat %s\n", result(fstat(fd, &st)));
}

static void take_named(void)
{
	take_file();
	(void)prctl(PR_SET_NAME, "a\33[31mb\nc");
}

static void take_folder(void)
{
	if (chdir(path) != 0)
		exit(1);
}

static void see_folder(void)
{
	char buf[PATH_MAX];
	DIR *d = opendir(".");

	printf("list %s", d != NULL ? "done" : strerrorname_np(errno));
	printf(" make %s", result(open("made", O_CREAT | O_WRONLY, 0600)));
	printf(" getcwd %s\n", getcwd(buf, sizeof(buf)) != NULL
				       ? "done"
				       : strerrorname_np(errno));
}

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(fault, 1);
}

/* What is at that place of the mapping. */
static void see_byte(size_t at)
{
	if (sigsetjmp(fault, 1) != 0)
		printf(" SIGBUS");
	else
		printf(" %c", map[at]);
}

static void take_map(int flags)
{
	take_file();
	map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (map == MAP_FAILED)
		exit(1);
	close(fd);
	(void)signal(SIGBUS, on_fault);
	/* One page written, one read, one not yet looked at. */
	map[0] = 'w';
	(void)map[PAGE];
}

static void take_shared(void)
{
	take_map(MAP_SHARED);
}

static void take_private(void)
{
	take_map(MAP_PRIVATE);
}

static void see_map(void)
{
	printf("written");
	see_byte(0);
	printf(" read");
	see_byte(PAGE);
	printf(" new");
	see_byte(2 * PAGE);
	printf("\n");
}

static const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

static void take_lock(void)
{
	take_file();
	if (fcntl(fd, F_SETLK, &whole) != 0)
		exit(1);
}

static void take_wait(void)
{
	take_file();
	printf("waits %d\n", getpid());
	printf("lock %s\n", result(fcntl(fd, F_SETLKW, &whole)));
}

static void take_watch(void)
{
	fd = inotify_init1(IN_NONBLOCK);
	if (fd < 0 || inotify_add_watch(fd, path, IN_ALL_EVENTS) < 0)
		exit(1);
}

static void see_watch(void)
{
	char buf[PAGE] __attribute__((aligned(8)));
	ssize_t n = read(fd, buf, sizeof(buf));
	const struct inotify_event *e;

	printf("events");
	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
		e = (const struct inotify_event *)(buf + at);
		printf("%s%s%s", e->mask & IN_UNMOUNT ? " UNMOUNT" : "",
		       e->mask & IN_IGNORED ? " IGNORED" : "",
		       e->mask & ~(IN_UNMOUNT | IN_IGNORED) ? " other" : "");
	}
	printf("\n");
}

/* Write a last file when it is told to end. */
static void see_last(void)
{
	int last = open("last", O_CREAT | O_WRONLY, 0600);

	usleep(300000);
	_exit(last >= 0 && write(last, "last words\n", 11) == 11 ? 0 : 1);
}

static void see_nothing(void)
{
	printf("nothing\n");
}

static const struct {
	const char *name;
	void (*take)(void), (*see)(void), (*end)(void);
} hows[] = {
	{"file", take_file, see_file, NULL},
	{"named", take_named, see_file, NULL},
	{"folder", take_folder, see_folder, NULL},
	{"shared", take_shared, see_map, NULL},
	{"private", take_private, see_map, NULL},
	{"lock", take_lock, see_file, NULL},
	{"wait", take_wait, see_file, NULL},
	{"watch", take_watch, see_watch, NULL},
	{"last", take_folder, see_nothing, see_last},
	{"stubborn", take_file, see_nothing, see_nothing},
	{"program", NULL, see_nothing, NULL},
};

int main(int argc, char *argv[])
{
	sigset_t set;
	size_t i = 0;

	if (argc < 3)
		return 1;
	while (strcmp(hows[i].name, argv[1]) != 0)
		if (++i == sizeof(hows) / sizeof(hows[0]))
			return 1;
	path = argv[2];
	/* Should the test end before it has ended this. */
	alarm(250);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (hows[i].end != NULL)
		sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (hows[i].take != NULL)
		hows[i].take();
	printf("held %d\n", getpid());
	for (;;) {
		int signal;

		sigwait(&set, &signal);
		if (signal == SIGTERM)
			hows[i].end();
		else
			hows[i].see();
	}
}
