/* SPDX-License-Identifier: MIT */
/*
 * Look for known plaintext where it must not be.
 *
 *	scan WORDS mem PID	all mappings, through /proc/PID/mem
 *	scan WORDS vm PID	the same, by process_vm_readv(2)
 *	scan WORDS unlocked PID	/proc/PID/mem of what is not locked alone
 *	scan WORDS file PATH	a core dump, say
 *
 * WORDS is a file of words of 16 bytes, each as random as possible, that are
 * looked for at every address.  It prints "found N of M words", how much was
 * looked at and how much could not be read; the exit status says only whether
 * it could look at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WORD = 16, STEP = 1 << 20, FILTER_BITS = 24 };

static uint8_t *words;
static size_t count;
static bool *seen;
static uint32_t *table; /* of table_size: index + 1 of a word, or 0 */
static size_t table_size;
static uint8_t filter[1 << (FILTER_BITS - 3)];
static uint64_t looked_at, refused;

static void die(const char *what)
{
	(void)fprintf(stderr, "scan: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t hash(const uint8_t *p)
{
	uint64_t h;

	memcpy(&h, p, sizeof(h));
	h *= 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	count = (size_t)st.st_size / WORD;
	words = malloc(count * WORD + 1);
	seen = calloc(count + 1, sizeof(*seen));
	for (table_size = 64; table_size < 4 * count; table_size *= 2)
		;
	table = calloc(table_size, sizeof(*table));
	if (words == NULL || seen == NULL || table == NULL ||
	    read(fd, words, count * WORD) != (ssize_t)(count * WORD))
		die(path);
	(void)close(fd);
	for (size_t i = 0; i < count; i++) {
		uint64_t h = hash(words + i * WORD);
		size_t at = h & (table_size - 1);

		while (table[at] != 0)
			at = (at + 1) & (table_size - 1);
		table[at] = (uint32_t)i + 1;
		h >>= 64 - FILTER_BITS;
		filter[h / 8] |= (uint8_t)(1u << h % 8);
	}
}

static void check(const uint8_t *p)
{
	uint64_t h = hash(p), bit = h >> (64 - FILTER_BITS);
	size_t at = h & (table_size - 1);

	if ((filter[bit / 8] >> bit % 8 & 1) == 0)
		return;
	for (; table[at] != 0; at = (at + 1) & (table_size - 1))
		if (memcmp(words + (table[at] - 1) * (size_t)WORD, p, WORD) ==
		    0)
			seen[table[at] - 1] = true;
}

static void look(const uint8_t *p, size_t len)
{
	looked_at += len;
	for (size_t i = 0; i + WORD <= len; i++)
		check(p + i);
}

static ssize_t read_vm(int pid, uint64_t at, uint8_t *buf, size_t len)
{
	struct iovec to = {buf, len};
	struct iovec from = {(void *)(uintptr_t)at, len};

	return process_vm_readv(pid, &to, 1, &from, 1, 0);
}

/* One mapping, page by page where it cannot be read as a whole. */
static void look_at(int pid, int mem, uint64_t from, uint64_t to)
{
	static uint8_t buf[STEP + WORD];
	size_t kept = 0;

	while (from < to) {
		size_t len = to - from < STEP ? to - from : STEP;
		ssize_t n = mem >= 0 ? pread(mem, buf + kept, len, (off_t)from)
				     : read_vm(pid, from, buf + kept, len);

		if (n <= 0) {
			refused += len < 4096 ? len : 4096;
			from += 4096;
			kept = 0;
			continue;
		}
		look(buf, kept + (size_t)n);
		from += (uint64_t)n;
		/* A word may lie across two steps. */
		kept += (size_t)n;
		if (kept >= WORD) {
			memmove(buf, buf + kept - (WORD - 1), WORD - 1);
			kept = WORD - 1;
		}
	}
}

/* Does the smaps entry that f stands in say that it is locked? */
static bool is_locked(FILE *f)
{
	char line[4096];

	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmFlags:", 8) == 0)
			return strstr(line, " lo ") != NULL;
	return false;
}

static void look_at_process(const char *how, int pid)
{
	const bool unlocked = strcmp(how, "unlocked") == 0;
	char path[64], line[4096];
	int mem = -1;
	FILE *maps;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	if (strcmp(how, "vm") != 0) {
		mem = open(path, O_RDONLY | O_CLOEXEC);
		if (mem < 0)
			die(path);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid,
		       unlocked ? "smaps" : "maps");
	maps = fopen(path, "re");
	if (maps == NULL)
		die(path);
	while (fgets(line, sizeof(line), maps) != NULL) {
		char *end;
		uint64_t from = strtoull(line, &end, 16), to;

		if (*end != '-')
			continue;
		to = strtoull(end + 1, NULL, 16);
		if ((unlocked && is_locked(maps)) ||
		    strstr(line, "[vsyscall]") != NULL)
			continue;
		look_at(pid, mem, from, to);
	}
	(void)fclose(maps);
}

static void look_at_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	look_at(0, fd, 0, (uint64_t)st.st_size);
	(void)close(fd);
}

int main(int argc, char *argv[])
{
	size_t found = 0;

	if (argc != 4) {
		(void)fputs("usage: scan WORDS mem|vm|unlocked|file WHERE\n",
			    stderr);
		return 2;
	}
	load(argv[1]);
	if (strcmp(argv[2], "file") == 0)
		look_at_file(argv[3]);
	else
		look_at_process(argv[2], (int)strtol(argv[3], NULL, 10));
	for (size_t i = 0; i < count; i++)
		found += seen[i];
	(void)printf("found %zu of %zu words in %" PRIu64 " bytes; %" PRIu64
		     " could not be read\n",
		     found, count, looked_at, refused);
	return 0;
}
