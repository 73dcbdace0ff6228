/* SPDX-License-Identifier: MIT */
#include "workers.h"

#include "scene.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct tally *tallies; /* shared with the workers */

static pid_t start(unsigned me, void (*work)(unsigned, struct tally *))
{
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid != 0)
		return pid;
	if (scene_use(me) != 0) {
		(void)printf("# a folder cannot be made\n");
		_exit(1);
	}
	work(me, &tallies[me]);
	(void)fflush(stdout);
	_exit(0);
}

struct tally workers_run(void (*work)(unsigned me, struct tally *mine))
{
	struct tally sum = {0};
	pid_t pids[WORKERS];
	int status;

	if (tallies == NULL)
		tallies = mmap(NULL, WORKERS * sizeof(*tallies),
			       PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED) {
		tallies = NULL;
		return (struct tally){.wrong = 1};
	}
	memset(tallies, 0, WORKERS * sizeof(*tallies));
	for (unsigned i = 0; i < WORKERS; i++)
		pids[i] = start(i, work);
	for (unsigned i = 0; i < WORKERS; i++) {
		sum.wrong += pids[i] < 0 ||
			     waitpid(pids[i], &status, 0) != pids[i] ||
			     status != 0;
		sum.tried += tallies[i].tried;
		sum.wrong += tallies[i].wrong;
	}
	return sum;
}
