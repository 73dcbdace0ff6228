/* SPDX-License-Identifier: MIT */
/* What a client feels of a seal: how long single operations take. */
#include "seal.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	STEP = 64 << 10, /* a byte is changed in each */
	NAMES = 64,
	TIMES_MAX = 1 << 20,
	CYCLES_MAX = 60,   /* of a seal and a pause */
	CYCLE_LEAST = 100, /* times, to have a percentile of */
	REACH = 2,	   /* times the time without a seal */
};

enum phase { OTHER, IDLE, SEALING };

struct test {
	const struct place *place;
	double budget_us, sealing_us;
	_Atomic unsigned seals;
	_Atomic(enum phase) phase;
	_Atomic bool ended;
	int fd;	    /* of a large file, read at random */
	off_t page; /* in it */
	char buf[PAGE];
	unsigned names;
};

static void change_all(const struct place *p)
{
	for (unsigned i = 0; i < p->kind->large + p->kind->small; i++) {
		bool is_large = i < p->kind->large;
		unsigned j = is_large ? i : i - p->kind->large;
		const char *name =
			is_large ? p->large[j].name : p->small[j].name;
		size_t size = is_large ? p->large[j].size : p->small[j].size;
		int fd = openat(p->top, name, O_WRONLY | O_CLOEXEC);
		char c;

		must(fd >= 0, name);
		for (size_t at = 0; at < size; at += STEP) {
			letters(&c, 1);
			must(pwrite(fd, &c, 1, (off_t)at) == 1, name);
		}
		(void)close(fd);
	}
}

static void rest(double us)
{
	const struct timespec t = {(time_t)(us / 1e6),
				   (long)us % 1000000 * 1000};

	(void)nanosleep(&t, NULL);
}

/* Seals and pauses of the same length, in turns. */
static void *seal_and_rest(void *ctx)
{
	struct test *t = ctx;
	double until = now_us() + t->budget_us;

	while (t->seals < CYCLES_MAX && (t->seals < 3 || now_us() < until)) {
		double start;

		change_all(t->place);
		start = now_us();
		t->phase = SEALING;
		must(fsync(t->place->top) == 0, "fsync");
		t->phase = OTHER;
		start = now_us() - start;
		t->sealing_us += start;
		rest(20000); /* for what a seal leaves to be done */
		t->phase = IDLE;
		rest(start);
		t->phase = OTHER;
		t->seals++;
	}
	t->ended = true;
	return NULL;
}

static void drop_page(struct test *t)
{
	off_t pages = (off_t)t->place->large[2].size / PAGE;

	t->page = (off_t)(any() % pages) * PAGE;
	(void)posix_fadvise(t->fd, t->page, PAGE, POSIX_FADV_DONTNEED);
}

static void read_page(struct test *t)
{
	must(pread(t->fd, t->buf, PAGE, t->page) == PAGE, "read");
}

static void stat_known(struct test *t)
{
	struct stat st;

	must(fstat(t->place->top, &st) == 0, "stat");
}

static void stat_asked(struct test *t)
{
	struct statx st;

	must(statx(t->fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
		   STATX_BASIC_STATS, &st) == 0,
	     "stat");
}

static void pick_page(struct test *t)
{
	drop_page(t);
	letters(t->buf, 64);
}

static void write_page(struct test *t)
{
	must(pwrite(t->fd, t->buf, PAGE, t->page) == PAGE, "write");
}

static void name_of(char name[static 32], struct test *t)
{
	(void)snprintf(name, 32, "d0/new-%u", t->names % NAMES);
}

static void remove_old(struct test *t)
{
	char name[32];

	t->names++;
	name_of(name, t);
	(void)unlinkat(t->place->top, name, 0);
}

static void create(struct test *t)
{
	char name[32];
	int fd;

	name_of(name, t);
	fd = openat(t->place->top, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	must(fd >= 0, name);
	must(write(fd, t->buf, CHANGE) == CHANGE, name);
	(void)close(fd);
}

static const struct op {
	const char *name;
	void (*prepare)(struct test *t); /* not timed; may be NULL */
	void (*run)(struct test *t);
} ops[] = {
	{"pread 4 KiB, cold", drop_page, read_page},
	{"pread 4 KiB, warm", NULL, read_page},
	{"stat, warm", NULL, stat_known},
	{"stat, asked anew", NULL, stat_asked},
	{"pwrite 4 KiB", pick_page, write_page},
	{"create+write+close 1 KiB", remove_old, create},
};
enum { OPS = sizeof(ops) / sizeof(ops[0]) };

/* Times, in order, and where those of each cycle begin. */
struct log {
	double *t;
	unsigned n;
	unsigned starts[CYCLES_MAX + 1];
};

/* Time op, if it falls into one phase alone. */
static void time_op(const struct op *op, struct test *t,
		    struct log logs[static SEALING + 1])
{
	enum phase phase;
	unsigned cycle;
	double start;

	if (op->prepare != NULL)
		op->prepare(t);
	cycle = t->seals;
	phase = t->phase;
	start = now_us();
	op->run(t);
	start = now_us() - start;
	/* One that a seal's end cuts short has waited for it nevertheless. */
	if (phase == OTHER || (phase == IDLE && t->phase != IDLE) ||
	    logs[phase].n == TIMES_MAX)
		return;
	for (unsigned i = cycle + 1; i <= CYCLES_MAX; i++)
		logs[phase].starts[i] = logs[phase].n + 1;
	logs[phase].t[logs[phase].n++] = start;
}

/* Of n times, of which 99 in a hundred are not longer.  Sorts them. */
static double percentile(double *t, unsigned n)
{
	times_sort(t, n);
	return t[n - 1 - n / 100];
}

/*
 * The median over all cycles of what a seal makes of the 99th percentile.
 * Within one, the rest of the machine does much the same to both.
 */
static double ratio_of(struct log logs[static SEALING + 1], unsigned cycles)
{
	double ratios[CYCLES_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < cycles; i++) {
		double p99[SEALING + 1];
		unsigned least = TIMES_MAX;

		for (enum phase j = IDLE; j <= SEALING; j++) {
			unsigned from = logs[j].starts[i];
			unsigned n = logs[j].starts[i + 1] - from;

			if (n < least)
				least = n;
			if (n > 0)
				p99[j] = percentile(logs[j].t + from, n);
		}
		if (least >= CYCLE_LEAST)
			ratios[count++] = p99[SEALING] / p99[IDLE];
	}
	must(count > 0, "too few operations");
	return times_of(ratios, count).median;
}

static void print(const char *name, struct log logs[static SEALING + 1],
		  unsigned cycles)
{
	double ratio = ratio_of(logs, cycles);

	(void)printf("%-26s", name);
	for (enum phase i = IDLE; i <= SEALING; i++) {
		const struct log *l = &logs[i];
		double p99 = percentile(l->t, l->n);

		(void)printf(" | %8.1f %8.1f %9.1f", l->t[l->n / 2], p99,
			     l->t[l->n - 1]);
	}
	(void)printf(" | %6.2f %5d %s\n", ratio, REACH,
		     verdict(ratio <= REACH));
}

void during(const struct place *p, double budget_us)
{
	struct test t = {.place = p, .budget_us = budget_us};
	static struct log logs[OPS][SEALING + 1];
	pthread_t thread;

	t.fd = openat(p->top, p->large[2].name, O_RDWR | O_CLOEXEC);
	must(t.fd >= 0, p->large[2].name);
	(void)posix_fadvise(t.fd, 0, 0, POSIX_FADV_RANDOM);
	for (unsigned i = 0; i < OPS; i++)
		for (unsigned j = IDLE; j <= SEALING; j++) {
			logs[i][j].t = malloc(TIMES_MAX * sizeof(double));
			must(logs[i][j].t != NULL, "memory");
		}
	must(pthread_create(&thread, NULL, seal_and_rest, &t) == 0, "thread");
	while (!t.ended)
		for (unsigned i = 0; i < OPS; i++)
			time_op(&ops[i], &t, logs[i]);
	(void)pthread_join(thread, NULL);
	(void)close(t.fd);
	(void)printf("\nOperations, in us, while nothing and while all of a "
		     "%s vault is sealed\n(%u seals, %.0f ms each)\n\n"
		     "%-26s | %28s | %28s |\n%-26s",
		     p->kind->name, t.seals, t.sealing_us / t.seals / 1e3, "",
		     "no seal    ", "seal    ", "");
	for (unsigned j = IDLE; j <= SEALING; j++)
		(void)printf(" | %8s %8s %9s", "p50", "p99", "max");
	(void)printf(" | x p99 reach\n");
	for (unsigned i = 0; i < OPS; i++) {
		print(ops[i].name, logs[i], t.seals);
		for (unsigned j = IDLE; j <= SEALING; j++)
			free(logs[i][j].t);
	}
}
