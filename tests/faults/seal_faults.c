/* SPDX-License-Identifier: MIT */
/*
 * Every call on the vault's folder, from opening it to the last save, fails in
 * turn, in every way, or is where the process ends.  After each, what is on the
 * disk is opened: it is the old contents or the new ones, whole, and never
 * older than what was said to be saved.  A save that failed says so, and
 * succeeds when it is asked for again.
 *
 * FAULTS_STRIDE=N tries one of N points; the default leaves out some, 1 none.
 */
#include "tests/fs/common.h"
#include "version.h"
#include "workers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { STRIDE = 4, COMPLAINTS_MAX = 40 };

static const struct way {
	const char *name;
	enum io_fault_kind kind;
	int err;
} ways[] = {
	{"EIO", IO_ERROR, EIO},
	{"ENOSPC", IO_ERROR, ENOSPC},
	{"a signal", IO_ERROR, EINTR},
	{"EDQUOT", IO_ERROR, EDQUOT},
	{"EROFS", IO_ERROR, EROFS},
	{"half", IO_SHORT, 0},
	{"the end before it", IO_KILL_BEFORE, 0},
	{"the end after it", IO_KILL_AFTER, 0},
};

/* What play_fault() is to do; a child has a copy. */
static struct io_fault fault;

static void play_fault(const struct scene *scene)
{
	io_start(scene_folder, &fault, &stage->log);
	disk_start(scene_folder);
	disk_mark(&stage->standing);
	scene->play(scene);
}

static int play(const struct scene *scene)
{
	scene_begin(scene);
	return scene_run(play_fault, scene);
}

/* Is the wait status what is to be expected?  Otherwise it is in broken. */
static bool is_well(int status, bool killed)
{
	const bool dead = WIFSIGNALED(status);

	if (killed ? dead && WTERMSIG(status) == SIGKILL
		   : WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (stage->broken[0] == '\0')
		(void)snprintf(stage->broken, sizeof(stage->broken),
			       "%s with %d", dead ? "died" : "ended",
			       dead ? WTERMSIG(status) : WEXITSTATUS(status));
	return false;
}

/* What is to be done; the workers have copies. */
static const struct scene *current;
static struct io_log calls;

/*
 * Was the call never made?  The last ones come while the scene looks away,
 * or a moment earlier: a saver lets go of what it has replaced in its own time.
 */
static bool was_missed(unsigned at)
{
	enum { LATE = 2 };

	return calls.count - at < LATE && stage->log.count < at;
}

/* One point.  False: something is wrong. */
static bool try_point(const struct scene *scene, unsigned at,
		      const struct way *way)
{
	const bool kill =
		way->kind == IO_KILL_BEFORE || way->kind == IO_KILL_AFTER;

	int status;

	fault = (struct io_fault){at, way->kind, way->err};
	status = play(scene);
	if (kill && was_missed(at))
		return is_well(status, false);
	return is_well(status, kill) &&
	       (!kill || is_well(scene_run(scene_recover, scene), false));
}

static unsigned stride(void)
{
	const char *text = getenv("FAULTS_STRIDE");
	unsigned n = text != NULL ? (unsigned)strtoul(text, NULL, 10) : STRIDE;

	return n > 0 ? n : 1;
}

static bool applies(unsigned at, const struct way *way)
{
	return way->kind != IO_SHORT || calls.what[at] == IO_READ ||
	       calls.what[at] == IO_WRITE;
}

/* One of every so many, in no rhythm that a save's calls may have, too. */
static bool is_chosen(unsigned point, unsigned every)
{
	return (point * 2654435761U >> 16) % every == 0;
}

/* Every WORKERSth of the points that are tried. */
static void work(unsigned me, struct tally *mine)
{
	const unsigned every = stride();
	unsigned point = 0;

	for (unsigned n = 0; n < calls.count * COUNT(ways); n++) {
		const unsigned at = 1 + n / (unsigned)COUNT(ways);
		const struct way *way = &ways[n % COUNT(ways)];

		if (!applies(at, way) || !is_chosen(n, every) ||
		    point++ % WORKERS != me)
			continue;
		mine->tried++;
		if (try_point(current, at, way))
			continue;
		(void)printf("# %s, call %u (%s), %s: %s\n", current->name, at,
			     calls.names[at], way->name, stage->broken);
		if (++mine->wrong == COMPLAINTS_MAX)
			return;
	}
}

static void whatever_fails_it_is_old_or_new(void **state)
{
	struct tally sum;

	current = *state;
	fault = (struct io_fault){.kind = IO_NONE};
	if (!is_well(play(current), false))
		fail_msg("%s: undisturbed: %s", current->name, stage->broken);
	calls = stage->log;
	assert_in_range(calls.count, 10, IO_CALLS_MAX - 1);
	sum = workers_run(work);
	(void)printf("# %s: %u calls, %u points\n", current->name, calls.count,
		     sum.tried);
	assert_int_not_equal(sum.tried, 0);
	assert_int_equal(sum.wrong, 0);
}

static int start(void **state)
{
	(void)state;
	return scene_start();
}

static int end(void **state)
{
	(void)state;
	return scene_end();
}

int main(void)
{
	struct CMUnitTest tests[16];
	unsigned count = 0;

	/* The long ones are the same calls again and again. */
	for (; !scenes[count].is_long && count < COUNT(tests); count++)
		tests[count] = (struct CMUnitTest){
			.name = scenes[count].name,
			.test_func = whatever_fails_it_is_old_or_new,
			.initial_state = (void *)&scenes[count],
		};
	return _cmocka_run_group_tests("seal_faults", tests, count, start, end);
}
