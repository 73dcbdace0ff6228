/* SPDX-License-Identifier: MIT */
/*
 * A disk that is slow, full, broken or lies, for a daemon that is started with
 * this in LD_PRELOAD.  The file named by $FAULTY says what to do, at each call:
 *
 *	delay N	fsync(2) takes N milliseconds more
 *	fail N	fsync(2) fails with errno N
 *	flip	write(2) to a file NAME.new changes one bit
 *
 * and anything else, nothing.  Each fsync is noted in $FAULTY.log: when, in
 * milliseconds, and the errno that it was made to fail with.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The number behind word in the file; 0 if it is not there, 1 if it has none.
 */
static long told(const char *word)
{
	const char *path = getenv("FAULTY");
	char text[64] = "";
	size_t n = strlen(word);
	FILE *f = path != NULL ? fopen(path, "re") : NULL;

	if (f == NULL)
		return 0;
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	(void)fclose(f);
	if (strncmp(text, word, n) != 0)
		return 0;
	return text[n] == ' ' ? strtol(text + n, NULL, 10) : 1;
}

static void note(long err)
{
	char path[PATH_MAX];
	struct timespec now;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s.log", getenv("FAULTY"));
	f = fopen(path, "ae");
	if (f == NULL)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)fprintf(f, "%lld %ld\n",
		      (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000,
		      err);
	(void)fclose(f);
}

int fsync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	const long delay = told("delay"), err = told("fail");
	const struct timespec pause = {delay / 1000, delay % 1000 * 1000000};

	note(err);
	if (delay > 0)
		(void)nanosleep(&pause, NULL);
	if (err == 0)
		return real(fd);
	errno = (int)err;
	return -1;
}

static int is_new(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	return n > 4 && memcmp(path + n - 4, ".new", 4) == 0;
}

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t (*real)(int, const void *, size_t) =
		(ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT,
							     "write");
	char *copy;
	ssize_t n;

	/* Not for all writes: most are of the kernel's requests. */
	if (len < 150 || !is_new(fd) || told("flip") == 0)
		return real(fd, buf, len);
	copy = malloc(len);
	if (copy == NULL)
		return -1;
	memcpy(copy, buf, len);
	copy[len / 2] ^= 1;
	n = real(fd, copy, len);
	free(copy);
	return n;
}
