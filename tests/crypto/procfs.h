/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_PROCFS_H
#define TZ_TESTS_PROCFS_H

/* What the kernel says of this process's memory. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

struct mapping {
	uint64_t start, end;
	char perms[5];
};

static inline bool mapping_line(struct mapping *m, const char *line)
{
	return sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s ", &m->start, &m->end,
		      m->perms) == 3;
}

/* The mapping that holds address at: false if there is none. */
static inline bool mapping_of(struct mapping *ret, uint64_t at)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = false;

	while (!found && f != NULL && fgets(line, sizeof(line), f) != NULL)
		found = mapping_line(ret, line) && at >= ret->start &&
			at < ret->end;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* Whether the mapping that holds at has a flag in its VmFlags (proc(5)). */
static inline bool has_flag(uint64_t at, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512], word[8];
	struct mapping m;
	bool here = false, found = false;

	(void)snprintf(word, sizeof(word), " %s", flag);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (mapping_line(&m, line))
			here = at >= m.start && at < m.end;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, word) != NULL;
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* VmLck of this process, in KiB. */
static inline size_t locked_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[512];
	size_t kib = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "VmLck: %zu", &kib);
	if (f != NULL)
		(void)fclose(f);
	return kib;
}

/*
 * Read memory that may be poisoned or gone.  The kernel reads it, so that
 * AddressSanitizer has no say.  The number of bytes, or -1.
 */
static inline ssize_t peek(uint64_t at, uint8_t *buf, size_t len)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = pread(fd, buf, len, (off_t)at);
		(void)close(fd);
	}
	return n;
}

/* Whether a load from at would not fault. */
static inline bool readable(uint64_t at)
{
	int fd[2];
	bool yes = false;

	if (pipe(fd) == 0) {
		/* Not write(3): AddressSanitizer looks at its argument. */
		yes = syscall(SYS_write, fd[1], at, 1) == 1;
		(void)close(fd[0]);
		(void)close(fd[1]);
	}
	return yes;
}

#endif
