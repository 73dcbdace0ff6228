/* SPDX-License-Identifier: MIT */
/* Durable saves a second: many writers share a seal. */
#include "seal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITERS_MAX = 16, SLICES = 6, SLICE_US = 300000 };

/* What the writers share. */
struct shared {
	double until;
	_Atomic unsigned saved;
};

/* Save a file, time and again, until the time is up. */
static _Noreturn void write_on(struct shared *s, int dir, unsigned writer,
			       bool with_folder)
{
	char temp[32], name[32], buf[CHANGE];

	letters(buf, sizeof(buf));
	(void)snprintf(temp, sizeof(temp), "temp-%u", writer);
	(void)snprintf(name, sizeof(name), "saved-%u", writer);
	while (now_us() < s->until) {
		int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL, 0644);

		must(fd >= 0, temp);
		must(write(fd, buf, sizeof(buf)) == sizeof(buf), temp);
		must(fsync(fd) == 0 && close(fd) == 0, temp);
		must(renameat(dir, temp, dir, name) == 0, name);
		if (with_folder)
			must(fsync(dir) == 0, "fsync");
		if (now_us() < s->until)
			s->saved++;
	}
	_exit(0);
}

/* Saves a second in dir. */
static double rate(struct shared *s, int dir, unsigned writers,
		   bool with_folder)
{
	pid_t pids[WRITERS_MAX];
	int gate[2], status;
	double start;
	char c;

	must(pipe(gate) == 0, "pipe");
	s->saved = 0;
	for (unsigned i = 0; i < writers; i++) {
		pids[i] = fork();
		must(pids[i] >= 0, "fork");
		if (pids[i] > 0)
			continue;
		(void)close(gate[1]);
		(void)!read(gate[0], &c, 1); /* until all are there */
		write_on(s, dir, i, with_folder);
	}
	start = now_us();
	s->until = start + SLICE_US;
	(void)close(gate[1]);
	(void)close(gate[0]);
	for (unsigned i = 0; i < writers; i++)
		must(waitpid(pids[i], &status, 0) == pids[i] && status == 0,
		     "a writer");
	return s->saved / (SLICE_US / 1e6);
}

/* How many saves shared a seal, in the slice that has just ended. */
static double shared_by(const struct shared *s, uint64_t seals)
{
	return seals > 0 ? (double)s->saved / (double)seals : 0;
}

static void compare(const struct place *p, struct shared *s,
		    const int dirs[static 2], unsigned writers,
		    bool with_folder)
{
	double rates[2][SLICES], ratios[SLICES], batch[SLICES];
	double reach = writers == 1 ? 0.5 : writers == 4 ? 1.0 : 1.5;
	struct times disk, vault, ratio;

	for (unsigned i = 0; i < SLICES; i++) {
		for (unsigned j = 0; j < 2; j++) {
			unsigned side = (i + j) % 2;
			uint64_t seals = place_seals(p);

			rates[side][i] =
				rate(s, dirs[side], writers, with_folder);
			if (side == 1)
				batch[i] = shared_by(s, place_seals(p) - seals);
		}
		must(rates[0][i] > 0, "no saves at all");
		ratios[i] = rates[1][i] / rates[0][i];
	}
	disk = times_of(rates[0], SLICES);
	vault = times_of(rates[1], SLICES);
	ratio = times_of(ratios, SLICES);
	(void)printf("%2u %-24s %8.0f %8.0f %6.1f %6.2f", writers,
		     with_folder ? "and fsync of the folder" : "", disk.median,
		     vault.median, times_of(batch, SLICES).median,
		     ratio.median);
	if (!with_folder)
		(void)printf(" %5.1f %s", reach,
			     verdict(ratio.median >= reach));
	(void)printf("\n");
	(void)fflush(stdout);
}

void saves(const struct place *p)
{
	static const unsigned writers[] = {1, 4, WRITERS_MAX};
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int dirs[2];

	must(s != MAP_FAILED, "memory");
	(void)mkdirat(p->folder, "plain", 0700);
	dirs[0] = openat(p->folder, "plain", O_RDONLY | O_DIRECTORY);
	dirs[1] = openat(p->top, "d1", O_RDONLY | O_DIRECTORY);
	must(dirs[0] >= 0 && dirs[1] >= 0, "plain");
	(void)printf("\nDurable saves a second in a %s vault: create, write, "
		     "fsync, rename\n\n%-27s %8s %8s %6s %6s %5s\n",
		     p->kind->name, "writers", "disk", "vault", "a seal", "x",
		     "reach");
	(void)fflush(stdout);
	for (unsigned i = 0; i < sizeof(writers) / sizeof(writers[0]); i++)
		for (unsigned j = 0; j < 2; j++)
			compare(p, s, dirs, writers[i], j == 1);
	(void)close(dirs[0]);
	(void)close(dirs[1]);
	(void)munmap(s, sizeof(*s));
}
