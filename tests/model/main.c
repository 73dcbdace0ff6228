/* SPDX-License-Identifier: MIT */
/* The same operations on two folders, until there is a difference. */
#include "model.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const char usage[] =
	"usage: model [-w] [-n OPERATIONS] [-s SEED] REFERENCE TESTED\n"
	"Do the same random operations in the folders REFERENCE, of a tmpfs, "
	"and\nTESTED, as root, and compare everything that is seen.\n"
	"\n"
	"  -w  TESTED is mounted with FUSE's writeback cache\n";

enum { SHRINK_SECONDS = 200 };

/* Numbers of operations that end in a difference. */
struct list {
	unsigned count;
	unsigned number[EPOCH];
};

/* Does l end in a difference?  If earlier, it is cut there. */
static bool fails(struct game *g, struct list *l)
{
	game_start(g);
	for (unsigned i = 0; i < l->count; i++) {
		if (!game_play(g, l->number[i]))
			continue;
		l->count = i + 1;
		return true;
	}
	return l->count > 0 && game_look(g, l->number[l->count - 1]);
}

/* Try to leave out step operations at a time.  True: some are gone. */
static bool leave_out(struct game *g, struct list *l, unsigned step,
		      time_t until)
{
	static struct list less;
	bool gone = false;

	for (unsigned end = l->count; end > 0 && time(NULL) < until;) {
		unsigned from = end > step ? end - step : 0;

		less = *l;
		less.count -= end - from;
		memmove(less.number + from, less.number + end,
			(l->count - end) * sizeof(less.number[0]));
		if (fails(g, &less)) {
			*l = less;
			gone = true;
		}
		end = from < l->count ? from : l->count;
	}
	return gone;
}

/* Leave out of l what the difference does not need. */
static void shrink(struct game *g, struct list *l)
{
	const time_t until = time(NULL) + SHRINK_SECONDS;
	unsigned step = l->count;

	/* One at a time until nothing goes any more. */
	while (step > 0 && time(NULL) < until)
		if (!leave_out(g, l, step, until) || step > 1)
			step /= 2;
}

static void print(struct game *g, const struct list *l)
{
	static char text[4 * PATH_ROOM];
	struct op o;

	for (unsigned i = 0; i < l->count; i++) {
		op_make(&o, g->seed, l->number[i]);
		op_show(text, sizeof(text), &o);
		(void)printf("    %s\n", text);
	}
}

static void explain(struct game *g, unsigned number)
{
	static struct list l;
	const unsigned first = number / EPOCH * EPOCH;

	(void)printf("difference: seed %" PRIu64 ", operation %u: %s\n",
		     g->seed, number, g->what);
	(void)fflush(stdout);
	l.count = number - first + 1;
	for (unsigned i = 0; i < l.count; i++)
		l.number[i] = first + i;
	if (!fails(g, &l)) {
		(void)printf("it does not show again\n");
		l.number[0] = number;
		l.count = 1;
		print(g, &l);
		return;
	}
	shrink(g, &l);
	(void)fails(g, &l);
	(void)printf("%u operations show it:\n", l.count);
	print(g, &l);
	(void)printf("%s\n", g->what);
}

static bool play(struct game *g, unsigned operations)
{
	for (unsigned i = 0; i < operations; i++) {
		if (i % EPOCH == 0)
			game_start(g);
		if (game_play(g, i) || ((i % LOOK_EVERY == LOOK_EVERY - 1 ||
					 i == operations - 1) &&
					game_look(g, i))) {
			explain(g, i);
			return false;
		}
	}
	return true;
}

int main(int argc, char *argv[])
{
	static struct game g;
	unsigned operations = 20000;
	bool same;
	int c;

	if (getrandom(&g.seed, sizeof(g.seed), 0) < 0)
		return 2;
	g.seed %= 1000000000;
	while ((c = getopt(argc, argv, "wn:s:")) != -1) {
		if (c == 'w')
			g.writeback = true;
		else if (c == 'n')
			operations = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 's')
			g.seed = strtoull(optarg, NULL, 10);
		else
			argc = 0;
	}
	if (argc - optind != 2) {
		(void)fputs(usage, stderr);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (game_open(&g, argv[optind], argv[optind + 1]) < 0) {
		perror("model");
		return 2;
	}
	same = play(&g, operations);
	game_close(&g);
	if (same)
		(void)printf("seed %" PRIu64 ": %u operations, no difference\n",
			     g.seed, operations);
	return same ? 0 : 1;
}
