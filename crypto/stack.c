/* SPDX-License-Identifier: MIT */
#include "stack.h"

#include "pages.h"
#include "poison.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef WITH_ASAN
enum { STACK_SIZE = 1 << 20 }; /* its frames are larger */
#else
enum { STACK_SIZE = 192 << 10 };
#endif

/* The lowest mapped page of the run of them that p is in. */
static uint8_t *lowest(uint8_t *p, size_t page)
{
	unsigned char there;

	/* What is not mapped is ENOMEM, by mincore(2). */
	while (mincore(p - page, page, &there) == 0)
		p -= page;
	return p;
}

/* ... and where that run ends. */
static uint8_t *end_of(uint8_t *p, size_t page)
{
	unsigned char there;

	while (mincore(p, page, &there) == 0)
		p += page;
	return p;
}

int stack_lock(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len;
	uint8_t here = 0;
	uint8_t *at = (uint8_t *)((uintptr_t)&here & ~(uintptr_t)(page - 1));
	uint8_t *low = lowest(at, page);

	/*
	 * Locked from its lowest page on, the mapping is locked where it grows:
	 * the kernel gives that the same flags.
	 */
	len = (size_t)(end_of(at, page) - low);
	if (madvise(low, len, MADV_DONTDUMP) != 0)
		return -errno;
	return mlock(low, len) == 0 ? 0 : -ENOMEM;
}

int stack_thread_start(struct stack_thread *t, void *(*fn)(void *), void *ctx)
{
	enum pages_kind kind = PAGES_LOCKED;
	pthread_attr_t attr;
	void *stack = pages_map(STACK_SIZE, 1 << 12, &kind);
	int err;

	if (stack == NULL)
		return -ENOMEM;
	err = -pthread_attr_init(&attr);
	if (err == 0) {
		err = -pthread_attr_setstack(&attr, stack, STACK_SIZE);
		if (err == 0)
			err = -pthread_create(&t->id, &attr, fn, ctx);
		(void)pthread_attr_destroy(&attr);
	}
	if (err == 0)
		t->stack = stack;
	else
		pages_unmap(stack, STACK_SIZE, PAGES_LOCKED);
	return err;
}

/* The thread has ended. */
static void release(struct stack_thread *t)
{
	ASAN_UNPOISON_MEMORY_REGION(t->stack, STACK_SIZE);
	explicit_bzero(t->stack, STACK_SIZE);
	pages_unmap(t->stack, STACK_SIZE, PAGES_LOCKED);
	*t = (struct stack_thread){0};
}

void stack_thread_join(struct stack_thread *t)
{
	if (t->stack == NULL)
		return;
	(void)pthread_join(t->id, NULL);
	release(t);
}

bool stack_thread_try_join(struct stack_thread *t)
{
	if (t->stack == NULL)
		return true;
	if (pthread_tryjoin_np(t->id, NULL) != 0)
		return false;
	release(t);
	return true;
}

__attribute__((noinline)) void stack_wipe(void)
{
	uint8_t below[8 << 10];

	explicit_bzero(below, sizeof(below));
}
