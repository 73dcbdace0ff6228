/* SPDX-License-Identifier: MIT */
/*
 * A scene is played once and all that it changes is recorded.  Then the power
 * goes after each change, and folders are made as the disk may have kept them
 * (disk.h says of which disks).  Each is opened: the vault is there, whole, old
 * or new, and never older than what was said to be saved; older vaults and
 * copies beside it are whole; nothing hinders the next save.
 *
 * POWER_CUTS=N makes so many random folders more of each cut; POWER_SEED=N
 * makes others.
 */
#include "tests/fs/common.h"
#include "version.h"
#include "workers.h"

#include <errno.h>
#include <stdlib.h>

enum { RANDOM_CUTS = 8, KNOWN = 1 << 20, RECOVER_EVERY = 8 };

/* What is to be done; the processes have copies. */
static const struct scene *current;
static uint64_t first_seed, seed;
static unsigned random_cuts, worker;
static struct tally *mine;

/* The folder that is being judged. */
static struct {
	size_t cut;
	struct disk_choice how;
} now;

/* Folders that were judged, by what disk_choose() says of them. */
static uint64_t *known;

static bool is_known(uint64_t sum)
{
	size_t i = sum % KNOWN;

	sum += sum == 0;
	while (known[i] != 0 && known[i] != sum)
		i = (i + 1) % KNOWN;
	if (known[i] == sum)
		return true;
	if (mine->tried > KNOWN / 2)
		broken("too many folders");
	known[i] = sum;
	return false;
}

static void say_where(void)
{
	static const char *const some[] = {"none", "all", "the first", "any"};

	(void)printf("# %s, power cut after change %zu; of what is not sure, "
		     "contents: %s, names: %s\n",
		     current->name, now.cut, some[now.how.data],
		     some[now.how.names]);
	disk_print();
	(void)fflush(stdout);
}

static void judge(size_t cut, const struct disk_choice *how)
{
	const struct standing *st = disk_standing(cut);

	now.cut = cut;
	now.how = *how;
	if (st == NULL || is_known(disk_choose(cut, how, &seed)))
		return;
	scene_empty(scene_folder);
	disk_write(scene_folder);
	stage->standing = *st;
	if (mine->tried++ % RECOVER_EVERY == 0)
		scene_recover(current);
	else
		scene_resave(current);
}

static void judge_cut(size_t cut)
{
	static const struct disk_choice always[] = {
		{DISK_NONE, DISK_NONE}, {DISK_ALL, DISK_ALL},
		{DISK_NONE, DISK_ALL},	{DISK_ALL, DISK_NONE},
		{DISK_ANY, DISK_ALL},	{DISK_NONE, DISK_ORDER},
		{DISK_NONE, DISK_ANY},	{DISK_ALL, DISK_ANY},
	};
	static const struct disk_choice at_random[] = {{DISK_ANY, DISK_ORDER},
						       {DISK_ANY, DISK_ANY}};

	for (size_t i = 0; i < COUNT(always); i++)
		judge(cut, &always[i]);
	for (unsigned i = 0; i < random_cuts; i++)
		for (size_t j = 0; j < COUNT(at_random); j++)
			judge(cut, &at_random[j]);
}

static void play_and_cut(const struct scene *scene)
{
	io_start(scene_folder, NULL, &stage->log);
	disk_start(scene_folder);
	disk_mark(&stage->standing);
	scene->play(scene);
	disk_stop();
	broken_hook = say_where;
	for (size_t cut = worker; cut <= disk_length(); cut += WORKERS)
		judge_cut(cut);
}

static void work(unsigned me, struct tally *tally)
{
	worker = me;
	mine = tally;
	seed = (first_seed + me) * 0x9e3779b97f4a7c15 + 1;
	known = calloc(KNOWN, sizeof(*known));
	if (known == NULL)
		broken("out of memory");
	scene_begin(current);
	stage->cut_later = true;
	if (scene_run(play_and_cut, current) == 0)
		return;
	(void)printf("# %s: %s\n", current->name, stage->broken);
	tally->wrong++;
}

static void whatever_a_power_cut_takes(void **state)
{
	struct tally sum;

	current = *state;
	sum = workers_run(work);
	(void)printf("# %s: %u folders\n", current->name, sum.tried);
	assert_int_not_equal(sum.tried, 0);
	assert_int_equal(sum.wrong, 0);
}

static unsigned number(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static int start(void **state)
{
	(void)state;
	random_cuts = number("POWER_CUTS", RANDOM_CUTS);
	first_seed = number("POWER_SEED", 1);
	(void)printf("# POWER_SEED=%u\n", (unsigned)first_seed);
	return scene_start();
}

static int end(void **state)
{
	(void)state;
	return scene_end();
}

int main(void)
{
	struct CMUnitTest tests[20];
	unsigned count = 0;

	for (; scenes[count].name != NULL && count < COUNT(tests); count++)
		tests[count] = (struct CMUnitTest){
			.name = scenes[count].name,
			.test_func = whatever_a_power_cut_takes,
			.initial_state = (void *)&scenes[count],
		};
	return _cmocka_run_group_tests("power_cut", tests, count, start, end);
}
