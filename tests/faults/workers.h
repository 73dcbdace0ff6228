/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FAULTS_WORKERS_H
#define TZ_TESTS_FAULTS_WORKERS_H

/* Work that is shared by processes, each with a folder and a stage. */

enum { WORKERS = 2 };

struct tally {
	unsigned tried, wrong;
};

/*
 * Run work in WORKERS processes at once, each with its number and a tally of
 * its own.  Returns their sum; a process that dies is one more that is wrong.
 */
struct tally workers_run(void (*work)(unsigned me, struct tally *mine));

#endif
