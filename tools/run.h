/* SPDX-License-Identifier: MIT */
#ifndef TZ_RUN_H
#define TZ_RUN_H

/*
 * Other programs, started by posix_spawn(3): between fork(2) and exec(2)
 * nothing of ours may run, since locked memory is missing in a child.
 */

#include <stdbool.h>
#include <sys/types.h>

/*
 * Start file, looked for in PATH if there is no slash in it.  No signal is
 * blocked in it.  argv ends with NULL.  The caller waits for *pid.  0, or
 * -errno if it could not be started.
 */
int run_start(pid_t *pid, const char *file, const char *const argv[]);

/*
 * Run file, looked for in PATH if there is no slash in it, and wait for its
 * end: *status as of waitpid(2).  No signal is blocked in it.  argv ends with
 * NULL.  0, or -errno if it could not be run.
 */
int run_wait(int *status, const char *file, const char *const argv[]);

/*
 * The same, with what it prints on standard output in *ret, which is malloc'd
 * and ends with a NUL; of more than RUN_READ_MAX bytes only those.  If
 * is_silent, what it has to say on standard error is thrown away.
 */
int run_read(int *status, char **ret, const char *const argv[], bool is_silent);
enum { RUN_READ_MAX = 1 << 20 };

#endif
