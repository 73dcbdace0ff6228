/* SPDX-License-Identifier: MIT */
/*
 * Keep hold of pages of the kernel's cache, and show what is in them later.
 * A pipe holds the very pages that splice(2) and vmsplice(2) put into it,
 * whatever becomes of the file.
 *
 *	pages splice FILE	by a descriptor
 *	pages map FILE		by a shared mapping
 *	pages dirty FILE TEXT	the same, TEXT written through the mapping
 *	pages churn FILE	write 1, 2, 3 ... all over it until it fails
 *	pages cached FILE	how many bytes of it are in the cache,
 *mincore(2)
 *
 * -k first: keep file and mapping open.  All print "held"; the first three
 * what the pages hold, at most 256 KiB, and the last its number, when standard
 * input ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MOST = 256 << 10 };

struct held {
	int fd;
	size_t len;   /* of what is held */
	uint8_t *map; /* NULL: none */
	int pipe[2];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void open_file(struct held *h, const char *path, int flags)
{
	struct stat st;

	h->fd = open(path, flags | O_CLOEXEC);
	if (h->fd < 0 || fstat(h->fd, &st) != 0)
		die(path);
	h->len = st.st_size < MOST ? (size_t)st.st_size : MOST;
}

static void map_file(struct held *h, int prot)
{
	h->map = mmap(NULL, h->len, prot, MAP_SHARED, h->fd, 0);
	if (h->map == MAP_FAILED)
		die("mmap");
}

static void new_pipe(struct held *h)
{
	if (pipe2(h->pipe, O_CLOEXEC) != 0 ||
	    fcntl(h->pipe[1], F_SETPIPE_SZ, 1 << 20) < MOST)
		die("pipe");
}

static void put_by_descriptor(const struct held *h)
{
	loff_t off = 0;

	while ((size_t)off < h->len)
		if (splice(h->fd, &off, h->pipe[1], NULL, h->len - (size_t)off,
			   SPLICE_F_NONBLOCK) <= 0)
			die("splice");
}

static void put_by_mapping(const struct held *h)
{
	struct iovec iov = {h->map, h->len};

	/* Only pages that are there go in one piece. */
	for (size_t i = 0; i < h->len; i += 4096)
		(void)*(volatile uint8_t *)(h->map + i);
	while (iov.iov_len > 0) {
		ssize_t n = vmsplice(h->pipe[1], &iov, 1, SPLICE_F_NONBLOCK);

		if (n <= 0)
			die("vmsplice");
		iov.iov_base = (uint8_t *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
	}
}

static int show(const struct held *h)
{
	static uint8_t buf[MOST];
	size_t len = 0;

	puts("held");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
		;
	while (len < h->len) {
		ssize_t n = read(h->pipe[0], buf + len, h->len - len);

		if (n <= 0)
			die("read");
		len += (size_t)n;
	}
	return fwrite(buf, 1, len, stdout) == len ? 0 : 1;
}

static int hold(const char *how, const char *path, const char *text, bool keep)
{
	const bool dirty = strcmp(how, "dirty") == 0;
	struct held h = {0};

	open_file(&h, path, dirty ? O_RDWR : O_RDONLY);
	new_pipe(&h);
	if (strcmp(how, "splice") == 0) {
		put_by_descriptor(&h);
	} else {
		map_file(&h, PROT_READ | (dirty ? PROT_WRITE : 0));
		if (dirty)
			memcpy(h.map, text, strlen(text));
		put_by_mapping(&h);
	}
	if (!keep && h.map != NULL)
		(void)munmap(h.map, h.len);
	if (!keep)
		(void)close(h.fd);
	return show(&h);
}

static sigjmp_buf bus;

static void on_bus(int signal)
{
	(void)signal;
	siglongjmp(bus, 1);
}

static int churn(const char *path)
{
	struct held h = {0};
	volatile uint64_t *word;

	open_file(&h, path, O_RDWR);
	map_file(&h, PROT_READ | PROT_WRITE);
	word = (volatile uint64_t *)(void *)h.map;
	(void)signal(SIGBUS, on_bus);
	if (sigsetjmp(bus, 1) != 0)
		return 0;
	puts("held");
	(void)fflush(stdout);
	for (uint64_t n = 1; n < UINT64_C(1) << 32; n++)
		for (size_t i = 0; i < h.len / sizeof(*word); i++)
			word[i] = n;
	return 1;
}

/* As cachestat(2) has them, since Linux 6.5; newer than our headers. */
struct range {
	uint64_t off, len;
};
struct stats {
	uint64_t cache, dirty, writeback, evicted, recently_evicted;
};

/* The file is opened first: who opens it with nocache may drop what is there.
 */
static int cached(const char *path)
{
	enum { CACHESTAT = 451 };
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct range all = {0, 0};
	struct stats stats;
	char end;

	if (fd < 0)
		die(path);
	puts("held");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &end, 1) > 0)
		;
	if (syscall(CACHESTAT, fd, &all, &stats, 0) != 0)
		die("cachestat");
	printf("%llu\n", (unsigned long long)stats.cache);
	return 0;
}

int main(int argc, char *argv[])
{
	bool keep = argc > 1 && strcmp(argv[1], "-k") == 0;

	argc -= keep;
	argv += keep;
	if (argc < 3)
		return 2;
	if (strcmp(argv[1], "churn") == 0)
		return churn(argv[2]);
	if (strcmp(argv[1], "cached") == 0)
		return cached(argv[2]);
	return hold(argv[1], argv[2], argc > 3 ? argv[3] : "", keep);
}
