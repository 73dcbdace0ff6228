/* SPDX-License-Identifier: MIT */
#include "stack.h"

#include "mem.h"
#include "poison.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#if defined(WITH_ASAN) || defined(WITH_TSAN)
enum { STACK_SIZE = 1 << 20 }; /* its frames are larger */
#else
enum { STACK_SIZE = 192 << 10 };
#endif

enum {
	ATTEMPTS = 16, /* each frees something, but others are faster */
	HALT_MS = 100, /* until a signal has found its thread, if it runs */
};

/* A thread that was told to halt does. */
static atomic_bool has_halted;

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
	size_t page = pages_size(), len;
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

	for (unsigned i = 0; stack == NULL && i < ATTEMPTS && mem_make_room();
	     i++)
		stack = pages_map(STACK_SIZE, 1 << 12, &kind);
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
		pages_unmap(stack, STACK_SIZE, kind);
	t->kind = kind;
	return err;
}

/* The thread has ended. */
static void release(struct stack_thread *t)
{
	ASAN_UNPOISON_MEMORY_REGION(t->stack, STACK_SIZE);
	explicit_bzero(t->stack, STACK_SIZE);
	pages_unmap(t->stack, STACK_SIZE, t->kind);
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

_Noreturn static void halt(int signal)
{
	(void)signal;
	atomic_store(&has_halted, true);
	for (;;)
		(void)poll(NULL, 0, -1);
}

void stack_thread_halt(struct stack_thread *t)
{
	const struct sigaction action = {.sa_handler = halt};
	const struct timespec pause = {.tv_nsec = 1000000};

	if (t->stack == NULL || sigaction(SIGUSR2, &action, NULL) != 0 ||
	    pthread_kill(t->id, SIGUSR2) != 0)
		return;
	/* In a call that does not return, it has the signal before it. */
	for (int i = 0; i < HALT_MS && !atomic_load(&has_halted); i++)
		(void)nanosleep(&pause, NULL);
}

__attribute__((noinline)) static void wipe_below(void)
{
	uint8_t below[8 << 10];

	explicit_bzero(below, sizeof(below));
}

#if defined(__x86_64__)
/* Of these the assembler knows only where it may use them. */
__attribute__((target("avx512f"))) static void wipe_high_registers(void)
{
	__asm__ volatile("vpxorq %%zmm16, %%zmm16, %%zmm16\n"
			 "vpxorq %%zmm17, %%zmm17, %%zmm17\n"
			 "vpxorq %%zmm18, %%zmm18, %%zmm18\n"
			 "vpxorq %%zmm19, %%zmm19, %%zmm19\n"
			 "vpxorq %%zmm20, %%zmm20, %%zmm20\n"
			 "vpxorq %%zmm21, %%zmm21, %%zmm21\n"
			 "vpxorq %%zmm22, %%zmm22, %%zmm22\n"
			 "vpxorq %%zmm23, %%zmm23, %%zmm23\n"
			 "vpxorq %%zmm24, %%zmm24, %%zmm24\n"
			 "vpxorq %%zmm25, %%zmm25, %%zmm25\n"
			 "vpxorq %%zmm26, %%zmm26, %%zmm26\n"
			 "vpxorq %%zmm27, %%zmm27, %%zmm27\n"
			 "vpxorq %%zmm28, %%zmm28, %%zmm28\n"
			 "vpxorq %%zmm29, %%zmm29, %%zmm29\n"
			 "vpxorq %%zmm30, %%zmm30, %%zmm30\n"
			 "vpxorq %%zmm31, %%zmm31, %%zmm31\n" ::
				 : "xmm16", "xmm17", "xmm18", "xmm19", "xmm20",
				   "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",
				   "xmm26", "xmm27", "xmm28", "xmm29", "xmm30",
				   "xmm31");
}

__attribute__((target("avx"))) static void wipe_wide_registers(void)
{
	__builtin_ia32_vzeroall();
}

/* Without AVX, xmm0 to xmm15 are all there is. */
static void wipe_registers(void)
{
	if (__builtin_cpu_supports("avx512f"))
		wipe_high_registers();
	if (__builtin_cpu_supports("avx")) {
		wipe_wide_registers();
		return;
	}
	__asm__ volatile("pxor %%xmm0, %%xmm0\npxor %%xmm1, %%xmm1\n"
			 "pxor %%xmm2, %%xmm2\npxor %%xmm3, %%xmm3\n"
			 "pxor %%xmm4, %%xmm4\npxor %%xmm5, %%xmm5\n"
			 "pxor %%xmm6, %%xmm6\npxor %%xmm7, %%xmm7\n"
			 "pxor %%xmm8, %%xmm8\npxor %%xmm9, %%xmm9\n"
			 "pxor %%xmm10, %%xmm10\npxor %%xmm11, %%xmm11\n"
			 "pxor %%xmm12, %%xmm12\npxor %%xmm13, %%xmm13\n"
			 "pxor %%xmm14, %%xmm14\npxor %%xmm15, %%xmm15\n" ::
				 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
				   "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
				   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
				   "xmm15");
}
#elif defined(__aarch64__)
/* A write to the low half of v0 and so on clears what SVE adds to it. */
static void wipe_registers(void)
{
	__asm__ volatile("movi v0.2d, #0\nmovi v1.2d, #0\nmovi v2.2d, #0\n"
			 "movi v3.2d, #0\nmovi v4.2d, #0\nmovi v5.2d, #0\n"
			 "movi v6.2d, #0\nmovi v7.2d, #0\nmovi v16.2d, #0\n"
			 "movi v17.2d, #0\nmovi v18.2d, #0\nmovi v19.2d, #0\n"
			 "movi v20.2d, #0\nmovi v21.2d, #0\nmovi v22.2d, #0\n"
			 "movi v23.2d, #0\nmovi v24.2d, #0\nmovi v25.2d, #0\n"
			 "movi v26.2d, #0\nmovi v27.2d, #0\nmovi v28.2d, #0\n"
			 "movi v29.2d, #0\nmovi v30.2d, #0\nmovi v31.2d, #0\n"
			 "movi v8.2d, #0\nmovi v9.2d, #0\nmovi v10.2d, #0\n"
			 "movi v11.2d, #0\nmovi v12.2d, #0\nmovi v13.2d, #0\n"
			 "movi v14.2d, #0\nmovi v15.2d, #0\n" ::
				 : "v0", "v1", "v2", "v3", "v4", "v5", "v6",
				   "v7", "v8", "v9", "v10", "v11", "v12", "v13",
				   "v14", "v15", "v16", "v17", "v18", "v19",
				   "v20", "v21", "v22", "v23", "v24", "v25",
				   "v26", "v27", "v28", "v29", "v30", "v31");
}
#else
_Static_assert(0, "which registers hold what memcpy(3) has moved?");
#endif

__attribute__((noinline)) void stack_wipe(void)
{
	wipe_below();
	wipe_registers();
}
