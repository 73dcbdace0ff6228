/* SPDX-License-Identifier: MIT */
#ifndef TZ_STACK_H
#define TZ_STACK_H

/*
 * Stacks: libraries leave scraps of plaintext on them, so they are locked and
 * left out of dumps as well.  They are not secret memory, which the kernel
 * could not wake a thread's joiner through.
 */

#include "pages.h"

#include <pthread.h>
#include <stdbool.h>

/*
 * Lock the stack of the main thread, which calls this, and leave it out of
 * core dumps; so is what it grows by.  0, -ENOMEM if no more may be locked, or
 * another -errno.
 */
int stack_lock(void);

/* A thread on a stack of its own.  {0} is one that was not started. */
struct stack_thread {
	pthread_t id;
	void *stack; /* NULL: not running */
	enum pages_kind kind;
};

/*
 * Run fn(ctx) in a thread whose stack is 192 KiB of locked memory between guard
 * pages.  0, -ENOMEM, or the -errno of pthread_create(3).
 */
int stack_thread_start(struct stack_thread *t, void *(*fn)(void *), void *ctx);

/* Wait for its end, and wipe its stack.  No-op if it does not run. */
void stack_thread_join(struct stack_thread *t);

/* As that, if it has ended already, or does not run; else false. */
bool stack_thread_try_join(struct stack_thread *t);

/*
 * Have it stop wherever it is, for good: it executes no instruction of ours any
 * more, not even when a system call that it is in returns.  For a process that
 * is about to end, which then wipes and exits; the thread cannot be joined.
 * Takes SIGUSR2.  No-op if it does not run.
 */
void stack_thread_halt(struct stack_thread *t);

/*
 * Wipe what functions that have returned may have left behind in this thread:
 * 8 KiB of its stack, below the caller's frame, and all vector registers, which
 * memcpy(3) uses and a core dump has.  For before it goes to sleep.
 */
void stack_wipe(void);

#endif
