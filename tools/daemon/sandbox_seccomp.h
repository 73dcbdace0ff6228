/* SPDX-License-Identifier: MIT */
#ifndef TZ_SANDBOX_SECCOMP_H
#define TZ_SANDBOX_SECCOMP_H

/*
 * seccomp(2): the system calls that the daemon makes while it serves, and no
 * others, in all threads.
 *
 * What is not listed fails with EPERM.  It does not kill: a daemon that is
 * killed has lost what is not sealed yet, and a C library that is newer than
 * this list must not have that power.  Running a program kills the process: no
 * library does that for a purpose of ours.
 */

/*
 * Whether the kernel filters system calls at all (PR_GET_SECCOMP), and the mode
 * that this thread is in: 0, 2 (a filter), or -1 if it cannot.
 */
int seccomp_mode(void);

/* Enter the filter, for good.  no_new_privs must be set.  0 or -errno. */
int seccomp_enter(void);

#endif
