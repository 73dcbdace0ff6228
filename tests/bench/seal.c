/* SPDX-License-Identifier: MIT */
/*
 * Time what it takes to make changes durable, and to mount, beside what the
 * same bytes cost a plain program (seal_bound.c), in turns.
 *
 *	seal PROGRAMS FOLDER [PART...]
 *
 * FOLDER is on the disk in question, and has an empty folder "mnt".  PARTs are
 * change, first, during, saves, idle, lock; all of them without any.
 */
#include "seal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 100, ROUNDS_MIN = 8, MOUNTS = 7, IDLE_SECONDS = 3 };

const char *verdict(bool reached)
{
	return reached ? "reached" : "missed";
}

/* Times of both sides, in us, of a round each. */
struct rounds {
	unsigned count;
	double bound[ROUNDS_MAX], bound_cpu[ROUNDS_MAX];
	double vault[ROUNDS_MAX], vault_cpu[ROUNDS_MAX];
};

/* At most so many times the bound, if not 0, and plus_us. */
struct aim {
	double times, plus_us;
};

static void print_head(void)
{
	(void)printf("\n%-34s | %17s | %17s | %13s | %26s |\n"
		     "%-34s | %8s %8s | %8s %8s | %6s %6s | %8s %8s %8s |"
		     " reach\n",
		     "", "bound, ms   ", "vault, ms   ", "x      ",
		     "CPU, ms (med)    ", "", "oct", "med", "oct", "med", "oct",
		     "med", "bound", "vault", "x");
}

static void print_rounds(const char *name, struct rounds *r,
			 const struct aim *aim)
{
	struct times bound = times_of(r->bound, r->count);
	struct times vault = times_of(r->vault, r->count);
	double bound_cpu = times_of(r->bound_cpu, r->count).median;
	double vault_cpu = times_of(r->vault_cpu, r->count).median;
	double x = (vault.octile - aim->plus_us) / bound.octile;

	(void)printf("%-34s | %8.2f %8.2f | %8.2f %8.2f | %6.2f %6.2f |"
		     " %8.2f %8.2f %8.2f |",
		     name, bound.octile / 1e3, bound.median / 1e3,
		     vault.octile / 1e3, vault.median / 1e3, x,
		     (vault.median - aim->plus_us) / bound.median,
		     bound_cpu / 1e3, vault_cpu / 1e3, vault_cpu / bound_cpu);
	if (aim->times > 0)
		(void)printf(" %5.2f %s", aim->times, verdict(x <= aim->times));
	(void)printf("\n");
	(void)fflush(stdout);
}

/* Change 1 KiB of a file in the mount; durably, and all before, too. */
static void change_file(const struct place *p, const char *name, off_t at,
			bool is_durable)
{
	char buf[CHANGE];
	int fd;

	letters(buf, sizeof(buf));
	fd = openat(p->top, name, O_WRONLY | O_CLOEXEC);
	must(fd >= 0, name);
	must(pwrite(fd, buf, sizeof(buf), at) == sizeof(buf), name);
	must(!is_durable || fsync(fd) == 0, name);
	must(close(fd) == 0, name);
}

enum what { ONE_SMALL, ONE_LARGE, MANY_SMALL };
static const struct {
	const char *name;
	struct aim aim;
} changes[] = {
	{"1 KiB of a small file", {1.4, 300}},
	{"1 KiB of a large file", {1.4, 300}},
	{"1 KiB of each of 30 files", {0, 0}},
};

/* Other files each time. */
static void change(const struct place *p, enum what what)
{
	static unsigned next;
	unsigned i = next++;

	if (what == ONE_LARGE) {
		i %= p->kind->large;
		change_file(p, p->large[i].name, (off_t)p->large[i].size / 2,
			    true);
		return;
	}
	for (unsigned j = what == MANY_SMALL ? 30 : 1; j-- > 0; i = next++)
		change_file(p, p->small[i % p->kind->small].name, 0, j == 0);
}

static void bound_round(const struct place *p, struct rounds *r)
{
	struct spent s = bound_seal(p, place_sealed(p));

	r->bound[r->count] = s.wall;
	r->bound_cpu[r->count] = s.cpu;
}

static void vault_round(const struct place *p, struct rounds *r, enum what what)
{
	double cpu = place_usage(p).cpu_us, start = now_us();

	change(p, what);
	r->vault[r->count] = now_us() - start;
	r->vault_cpu[r->count] = place_usage(p).cpu_us - cpu;
}

static void time_change(const struct place *p, enum what what, double budget_us)
{
	static struct rounds r;
	double until = now_us() + budget_us;
	char name[64];

	change(p, what);
	(void)bound_seal(p, place_sealed(p));
	for (r.count = 0;
	     r.count < ROUNDS_MAX && (r.count < ROUNDS_MIN || now_us() < until);
	     r.count++) {
		bool bound_first = r.count % 2 == 0;

		if (bound_first)
			bound_round(p, &r);
		vault_round(p, &r, what);
		if (!bound_first)
			bound_round(p, &r);
	}
	(void)snprintf(name, sizeof(name), "%s: %s", p->kind->name,
		       changes[what].name);
	print_rounds(name, &r, &changes[what].aim);
}

static void time_changes(struct place *p)
{
	(void)printf("\nOne change and its fsync; 0.3 ms of it are not counted "
		     "in x\n");
	print_head();
	for (unsigned i = 0; i < KINDS; i++) {
		place_make(p, &kinds[i]);
		(void)place_mount(p, "");
		time_change(p, ONE_SMALL, 4e6);
		time_change(p, ONE_LARGE, 4e6);
		if (i == KIND_64M)
			time_change(p, MANY_SMALL, 4e6);
		place_lock(p);
	}
}

static void print_memory(const struct place *p, uint64_t hwm, uint64_t lck)
{
	double content = (double)p->kind->content / (1 << 20);
	double sealed = (double)place_sealed(p) / (1 << 20);
	double most = (double)hwm / 1024, reach = 1.5 * content + sealed;

	(void)printf("\nmemory of that mount, at most: %.1f MiB (%.1f locked "
		     "after it); 1.5 x %.1f of content and %.1f sealed: %.1f, "
		     "%s\n",
		     most, (double)lck / 1024, content, sealed, reach,
		     verdict(most <= reach));
}

/* Mount and seal for the first time, and the same by a plain program. */
static void time_first(struct place *p)
{
	const struct aim mount = {1.15, 30000}, first = {8, 300};
	static struct rounds mounts, seals;
	uint64_t hwm = 0, lck = 0;

	place_make(p, &kinds[KIND_64M]);
	(void)bound_open(p);
	(void)bound_seal(p, place_sealed(p));
	for (unsigned i = 0; i < MOUNTS; i++) {
		struct spent s = bound_open(p);

		mounts.bound[i] = s.wall;
		mounts.bound_cpu[i] = s.cpu;
		mounts.vault[i] = place_mount(p, "");
		mounts.vault_cpu[i] = place_usage(p).cpu_us;
		hwm = place_field(p, "VmHWM:");
		lck = place_field(p, "VmLck:");
		if (i % 2 == 0)
			bound_round(p, &seals);
		vault_round(p, &seals, ONE_SMALL);
		if (i % 2 != 0)
			bound_round(p, &seals);
		place_lock(p);
		seals.count = mounts.count = i + 1;
	}
	(void)printf("\nMounting, 30 ms of it not counted in x, and the first "
		     "change after that, sealed\n");
	print_head();
	print_rounds("64 MiB: mount", &mounts, &mount);
	print_rounds("64 MiB: first seal", &seals, &first);
	print_memory(p, hwm, lck);
}

static void time_during(struct place *p)
{
	place_make(p, &kinds[KIND_64M]);
	bound_free();
	(void)place_mount(p, "seal=off");
	during(p, 10e6);
	place_lock(p);
}

static void time_saves(struct place *p)
{
	place_make(p, &kinds[KIND_64K]);
	bound_free();
	(void)place_mount(p, "");
	saves(p);
	place_lock(p);
}

static void time_idle(struct place *p)
{
	const struct timespec settle = {2, 500000000};
	const struct timespec idle = {IDLE_SECONDS, 0};
	struct usage before, after;

	place_make(p, &kinds[KIND_1M]);
	(void)place_mount(p, "");
	change(p, ONE_SMALL);
	/* A second after a seal it derives its next key, once. */
	(void)nanosleep(&settle, NULL);
	before = place_usage(p);
	(void)nanosleep(&idle, NULL);
	after = place_usage(p);
	(void)printf("\nAn idle mount, in %d seconds: %.3f ms of CPU, %" PRIu64
		     " context switches; reach 0: %s\n",
		     IDLE_SECONDS, (after.cpu_us - before.cpu_us) / 1e3,
		     after.switches - before.switches,
		     verdict(after.cpu_us == before.cpu_us &&
			     after.switches == before.switches));
	place_lock(p);
}

static void time_locks(struct place *p)
{
	place_make(p, &kinds[KIND_64M]);
	bound_free();
	locks(p);
}

static const struct {
	const char *name;
	void (*run)(struct place *p);
} parts[] = {
	{"change", time_changes}, {"first", time_first},
	{"during", time_during},  {"saves", time_saves},
	{"idle", time_idle},	  {"lock", time_locks},
};

static bool is_wanted(const char *name, int argc, char *const argv[])
{
	for (int i = 3; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc <= 3;
}

int main(int argc, char *argv[])
{
	static struct place p = {.top = -1};

	must(argc >= 3, "arguments");
	p.programs = argv[1];
	p.path = argv[2];
	p.folder = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(p.folder >= 0, p.path);
	(void)printf("bound: AES-256-GCM over as many bytes as the vault has, "
		     "a temporary file, fsync, rename,\n       fsync of the "
		     "folder; to mount: key derivation, AES-256-GCM and "
		     "inflation\noct, med: lower octile and median; x: times "
		     "the bound; reach: what we aim at, for x oct\n");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (is_wanted(parts[i].name, argc, argv))
			parts[i].run(&p);
	return 0;
}
