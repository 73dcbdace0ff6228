/* SPDX-License-Identifier: MIT */
/* What mem.h promises of its pools and of the heap, and stack.h of stacks. */
#include "child.h"
#include "crypto/mem.h"
#include "crypto/poison.h"
#include "crypto/stack.h"
#include "procfs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>

/* Does this kernel have memfd_secret(2)? */
static bool has_secret(void)
{
	int fd = (int)syscall(447, 0);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

/* Does the kernel itself read what is at p?  As root it reads all but that. */
static bool kernel_reads(const void *p)
{
	uint8_t byte;
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(fd, &byte, 1, (off_t)(uintptr_t)p);

	(void)close(fd);
	return n == 1;
}

static bool is_secret(const void *p)
{
	return !kernel_reads(p);
}

static void keys_are_secret_and_bounces_are_not(void **state)
{
	void *key = mem_alloc_in(MEM_KEYS, 32);
	void *bounce = mem_alloc_in(MEM_BOUNCE, 32);

	(void)state;
	assert_non_null(key);
	assert_non_null(bounce);
	assert_int_equal(is_secret(key), has_secret());
	assert_int_equal(kernel_reads(key), !has_secret());
	assert_false(is_secret(bounce));
	assert_true(kernel_reads(bounce));
	if (LOCKS_ARE_REAL) {
		assert_true(has_flag((uintptr_t)key, "lo"));
		assert_true(has_flag((uintptr_t)bounce, "lo"));
	}
	assert_true(has_flag((uintptr_t)key, "dd"));
	assert_true(has_flag((uintptr_t)key, "dc"));
	mem_free(key);
	mem_free(bounce);
}

static void the_others_are_secret_within_the_limit(void **state)
{
	enum { COUNT = 40 };
	uint8_t *pieces[COUNT];
	size_t secret = 0;

	(void)state;
	if (!has_secret())
		skip();
	mem_secret_limit(2 * MIB);
	for (size_t i = 0; i < COUNT; i++) {
		pieces[i] = mem_alloc_in(MEM_EXTENTS, 100 * KIB);
		assert_non_null(pieces[i]);
		secret += is_secret(pieces[i]);
		assert_true(mem_usage().secret <= 2 * MIB);
	}
	assert_true(secret > 0 && secret < COUNT);
	for (size_t i = 0; i < COUNT; i++)
		mem_free(pieces[i]);
	mem_secret_limit(0);
}

static void plain_memory_is_counted_as_such(void **state)
{
	struct mem_usage before = mem_usage();
	uint8_t *p = mem_alloc_in(MEM_PLAIN, 3 * MIB);

	(void)state;
	assert_non_null(p);
	assert_true(mem_usage().plain >= before.plain + 3 * MIB);
	assert_int_equal(mem_locked(), before.secret + before.locked);
	assert_false(has_flag((uintptr_t)p, "lo"));
	mem_free(p);
	assert_int_equal(mem_usage().plain, before.plain);
}

static void realloc_stays_in_its_pool(void **state)
{
	uint8_t *p = mem_alloc_in(MEM_BOUNCE, 100);

	(void)state;
	mem_secret_limit(MIB);
	p = mem_realloc(p, 5000);
	assert_non_null(p);
	assert_false(is_secret(p));
	mem_free(p);
	mem_secret_limit(0);
}

/* Before it is hardened a process may fork; afterwards all is locked. */
static void probe_heap(void)
{
	uint8_t *small = mem_heap(16, 100), *large = mem_heap(16, 3 * MIB);
	uint8_t *later;

	must(small != NULL && large != NULL);
	must(!has_flag((uintptr_t)small, "lo"));
	must(!has_flag((uintptr_t)small, "dc"));
	memset(small, 1, 100);
	memset(large, 2, 3 * MIB);
	must(mem_harden() == 0);
	later = mem_heap(16, 100);
	must(later != NULL);
	must(!LOCKS_ARE_REAL || has_flag((uintptr_t)small, "lo"));
	must(!LOCKS_ARE_REAL || has_flag((uintptr_t)large, "lo"));
	must(!LOCKS_ARE_REAL || has_flag((uintptr_t)later, "lo"));
	must(has_flag((uintptr_t)small, "dd"));
	must(has_flag((uintptr_t)small, "dc"));
	must(all_bytes(small, 100, 1) && all_bytes(large, 3 * MIB, 2));
	small = mem_realloc(small, 10000);
	must(small != NULL && all_bytes(small, 100, 1));
	must(!LOCKS_ARE_REAL || has_flag((uintptr_t)small, "lo"));
	mem_free(small);
	mem_free(large);
	mem_free(later);
}

static void the_heap_is_locked_when_the_process_is_hardened(void **state)
{
	(void)state;
	assert_int_equal(in_child(probe_heap), 0);
}

static void the_heap_aligns(void **state)
{
	(void)state;
	for (size_t align = 16; align <= 4096; align *= 2) {
		for (size_t size = 1; size < 2 * MIB; size = size * 3 + 1) {
			uint8_t *p = mem_heap(align, size);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % align, 0);
			assert_true(mem_usable(p) >= size);
			mem_free(p);
		}
	}
	assert_null(mem_heap(8192, 1));
}

/* A function that leaves what it was given on the stack and in registers. */
__attribute__((noinline)) static uint64_t leave(const uint8_t *secret)
{
	volatile uint8_t copy[2048];

	for (size_t i = 0; i < sizeof(copy); i++)
		copy[i] = secret[i % 64];
	return (uint64_t)(uintptr_t)copy;
}

struct left {
	uint8_t secret[64];
	bool before, after, locked, dumped;
	uint64_t at;
};

static bool is_left(const struct left *l)
{
	static uint8_t seen[2048]; /* not where it looks */

	return peek(l->at, seen, sizeof(seen)) == sizeof(seen) &&
	       memmem(seen, sizeof(seen), l->secret, 64) != NULL;
}

static void *leave_and_wipe(void *arg)
{
	struct left *l = arg;

	l->at = leave(l->secret);
	l->before = is_left(l);
	l->at = leave(l->secret);
	stack_wipe();
	l->after = is_left(l);
	l->locked = has_flag(l->at, "lo");
	l->dumped = !has_flag(l->at, "dd");
	return NULL;
}

static void stacks_are_locked_and_wiped(void **state)
{
	struct stack_thread t = {0};
	struct left l = {.at = 0};

	(void)state;
	for (size_t i = 0; i < sizeof(l.secret); i++)
		l.secret[i] = (uint8_t)(i * 7 + 1);
	assert_int_equal(stack_thread_start(&t, leave_and_wipe, &l), 0);
	stack_thread_join(&t);
	/* A sanitizer spreads what is on a stack. */
#ifndef WITH_ASAN
	assert_true(l.before);
	assert_false(l.after);
#endif
	assert_true(!LOCKS_ARE_REAL || l.locked);
	assert_false(l.dumped);
	/* The stack has gone with its thread. */
	assert_false(readable(l.at));
	stack_thread_join(&t);
	assert_true(stack_thread_try_join(&t));
}

#if defined(__x86_64__) && !defined(WITH_ASAN)
static void registers_are_wiped(void **state)
{
	const uint8_t secret[16] = "0123456789abcde";
	uint8_t seen[16];

	(void)state;
	__asm__ volatile("movdqu %1, %%xmm5\n"
			 "call *%2\n"
			 "movdqu %%xmm5, %0\n"
			 : "=m"(seen)
			 : "m"(secret), "r"(stack_wipe)
			 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
			   "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
			   "xmm5", "memory", "cc");
	assert_true(all_bytes(seen, sizeof(seen), 0));
}
#else
static void registers_are_wiped(void **state)
{
	(void)state;
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_secret_and_bounces_are_not),
		cmocka_unit_test(the_others_are_secret_within_the_limit),
		cmocka_unit_test(plain_memory_is_counted_as_such),
		cmocka_unit_test(realloc_stays_in_its_pool),
		cmocka_unit_test(
			the_heap_is_locked_when_the_process_is_hardened),
		cmocka_unit_test(the_heap_aligns),
		cmocka_unit_test(stacks_are_locked_and_wiped),
		cmocka_unit_test(registers_are_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
