/* SPDX-License-Identifier: MIT */
/*
 * Time the same work on several filesystems, in turns, so that whatever else
 * the machine does meets all alike.
 *
 *	fs [-w] [-t] [-n ROUNDS] [-o NAME] LABEL=FOLDER LABEL=FOLDER...
 *
 * The first folder is the measure.  For every other one the lower octile of
 * the times is printed, and lower octile and median as ratios to the first
 * one's.  For a mounted vault, "req" is how many requests each operation
 * waits for, and "bound" the octile over what it could be at best: the first
 * folder's time, and for each request the time that a byte takes through a
 * pipe and back, on as few CPUs.
 *
 * -t adds what the second folder is to reach (-w: mounted with writeback); -o
 * times the workloads with NAME in their name alone.
 */
#include "bench.h"
#include "times.h"

#include "tools/control/control.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIDES_MAX = 4, ROUNDS_MAX = 1000 };

struct options {
	bool writeback, targets;
	unsigned rounds, sides;
	const char *only;
	double trip_us;
};

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	must(fd >= 0 && write(fd, "3", 1) == 1, "dropping the caches");
	(void)close(fd);
}

static double time_once(const struct workload *w, struct side *s)
{
	unsigned count;
	double start;

	if (w->prepare != NULL)
		w->prepare(s);
	if (w->cold)
		drop_caches();
	start = now_us();
	count = w->run(s);
	return (now_us() - start) / count;
}

struct result {
	unsigned sides;
	struct times times[SIDES_MAX];
	double requests[SIDES_MAX]; /* an operation; -1: not known */
};

/* Requests answered by the daemon of s up to now, or -1. */
static double requests(const struct side *s)
{
	struct control_answer answer = {0};
	double count = -1;
	struct stat st;

	must(fstat(s->top, &st) == 0, "stat");
	if (control_ask(&answer, geteuid(), st.st_dev, "status") == 0)
		count = (double)control_number(answer.body, "requests");
	free(answer.body);
	return count;
}

/* How many requests each operation waits for; -1: not known. */
static double requests_each(const struct workload *w, struct side *s)
{
	double before, count;

	if (w->prepare != NULL)
		w->prepare(s);
	if (w->cold)
		drop_caches();
	before = requests(s);
	if (before < 0)
		return -1;
	count = w->run(s);
	return (requests(s) - before) / count;
}

static void print(const struct workload *w, const struct result *r,
		  const struct options *o)
{
	double reach = o->writeback ? w->reach_writeback : w->reach;
	const struct times *first = &r->times[0];

	(void)printf("%-32s %8.2f %8.2f", w->name, first->octile,
		     first->median);
	for (unsigned i = 1; i < r->sides; i++) {
		const struct times *t = &r->times[i];

		(void)printf(" | %8.2f %6.2f %6.2f", t->octile,
			     t->octile / first->octile,
			     t->median / first->median);
		if (r->requests[i] >= 0)
			(void)printf(" %6.2f %5.2f", r->requests[i],
				     t->octile / (first->octile +
						  r->requests[i] * o->trip_us));
	}
	if (o->targets && reach > 0)
		(void)printf(" | %5.2f %s", reach,
			     r->times[1].octile / first->octile <= reach
				     ? "reached"
				     : "missed");
	(void)printf("\n");
	(void)fflush(stdout);
}

static void measure(const struct workload *w, struct side *sides,
		    const struct options *o)
{
	static double t[SIDES_MAX][ROUNDS_MAX];
	struct result r = {.sides = o->sides};

	for (unsigned i = 0; i < o->sides; i++) {
		(void)time_once(w, &sides[i]); /* warms */
		r.requests[i] = requests_each(w, &sides[i]);
	}
	for (unsigned round = 0; round < o->rounds; round++)
		for (unsigned i = 0; i < o->sides; i++) {
			/* Each is first as often as last. */
			unsigned side = (i + round) % o->sides;

			t[side][round] = time_once(w, &sides[side]);
		}
	for (unsigned i = 0; i < o->sides; i++)
		r.times[i] = times_of(t[i], o->rounds);
	print(w, &r, o);
}

/* A byte through a pipe and back, twice a wake: the least a request costs. */
static double pipe_trip_us(void)
{
	enum { TRIPS = 20000 };
	int there[2], back[2];
	double start;
	char c = 0;

	must(pipe(there) == 0 && pipe(back) == 0, "pipe");
	if (fork() == 0) {
		(void)close(there[1]);
		while (read(there[0], &c, 1) == 1)
			must(write(back[1], &c, 1) == 1, "pipe");
		_exit(0);
	}
	start = now_us();
	for (unsigned i = 0; i < TRIPS; i++)
		must(write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1,
		     "pipe");
	start = (now_us() - start) / TRIPS;
	(void)close(there[1]);
	(void)close(there[0]);
	(void)close(back[0]);
	(void)close(back[1]);
	(void)wait(NULL);
	return start;
}

static void print_head(const struct side *sides, const struct options *o)
{
	(void)printf(
		"A byte through a pipe and back: %.2f us.\n"
		"oct, med: lower octile and median of the time of one "
		"operation, in us\n"
		"x: as many times the first one's\n"
		"req: requests that the operation waits for; bound: oct over "
		"the first one's oct\n"
		"     and a byte's way for each request\n",
		o->trip_us);
	if (o->targets)
		(void)printf("reach: what we aim at, for x oct\n");
	(void)printf("\n");
	(void)printf("%-32s %17s", "", sides[0].label);
	for (unsigned i = 1; i < o->sides; i++)
		(void)printf(" | %22s%s", sides[i].label,
			     requests(&sides[i]) >= 0 ? "             " : "");
	(void)printf("\n%-32s %8s %8s", "", "oct", "med");
	for (unsigned i = 1; i < o->sides; i++)
		(void)printf(" | %8s %6s %6s%s", "oct", "x oct", "x med",
			     requests(&sides[i]) >= 0 ? "    req bound" : "");
	(void)printf("%s\n", o->targets ? " | reach" : "");
}

static void open_side(struct side *s, char *arg)
{
	char *folder = strchr(arg, '=');

	must(folder != NULL, "LABEL=FOLDER");
	*folder++ = '\0';
	s->label = arg;
	s->fd = -1;
	s->top = open(folder, O_RDONLY | O_DIRECTORY);
	must(s->top >= 0, folder);
	s->buf = malloc(LARGE);
	must(s->buf != NULL, "memory");
	side_fill(s);
}

int main(int argc, char *argv[])
{
	struct options o = {.rounds = 40};
	struct side sides[SIDES_MAX];

	for (int c; (c = getopt(argc, argv, "wtn:o:")) != -1;) {
		if (c == 'w')
			o.writeback = true;
		else if (c == 't')
			o.targets = true;
		else if (c == 'n')
			o.rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'o')
			o.only = optarg;
		else
			return 2;
	}
	must(argc - optind >= 2 && argc - optind <= SIDES_MAX && o.rounds > 0 &&
		     o.rounds <= ROUNDS_MAX,
	     "arguments");
	for (; optind < argc; optind++)
		open_side(&sides[o.sides++], argv[optind]);
	o.trip_us = pipe_trip_us();
	print_head(sides, &o);
	for (size_t i = 0; i < workload_count; i++)
		if (o.only == NULL || strstr(workloads[i].name, o.only))
			measure(&workloads[i], sides, &o);
	return 0;
}
