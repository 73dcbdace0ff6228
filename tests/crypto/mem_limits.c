/* SPDX-License-Identifier: MIT */
/*
 * What mem.h promises of a process as a whole: its limits and its end.  Each
 * test is a child, and the parent allocates nothing there, so that every
 * child begins with an empty arena.
 */
#include "child.h"
#include "crypto/mem.h"
#include "crypto/secret.h"
#include "procfs.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Lower the limit on locked memory, and be bound by it even as root. */
static void limit_locking(rlim_t bytes)
{
	const struct rlimit limit = {bytes, bytes};
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];
	struct __user_cap_data_struct *c = &caps[CAP_TO_INDEX(CAP_IPC_LOCK)];

	must(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	must(syscall(SYS_capget, &head, caps) == 0);
	c->effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	c->permitted &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	must(syscall(SYS_capset, &head, caps) == 0);
}

static void probe_no_locking(void)
{
	static const size_t sizes[] = {0, 1, 4096, 64 * KIB, 3 * MIB};
	struct secret s = {0};

	limit_locking(0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		errno = 0;
		must(mem_alloc(sizes[i]) == NULL);
		must(errno == ENOMEM);
		must(mem_realloc(NULL, sizes[i]) == NULL);
	}
	must(secret_alloc(&s, 32) == -ENOMEM && s.data == NULL);
	must(mem_harden() == -ENOMEM);
	must(mem_locked() == 0);
	must(locked_kib() == 0);
}

static void hands_out_nothing_where_nothing_can_be_locked(void **state)
{
	(void)state;
	if (!LOCKS_ARE_REAL)
		skip();
	assert_int_equal(in_child(probe_no_locking), 0);
}

/* Allocate pieces until there is no more: their number. */
static size_t exhaust(uint8_t **pieces, size_t max, size_t size)
{
	size_t n = 0;

	while (n < max && (pieces[n] = mem_alloc(size)) != NULL)
		n++;
	must(errno == ENOMEM);
	return n;
}

static void probe_limit(void)
{
	enum { LIMIT = 2 * MIB + 512 * KIB, MAX = 64 };
	uint8_t *pieces[MAX], *p;
	size_t n;

	limit_locking(LIMIT);
	n = exhaust(pieces, MAX, 64 * KIB);
	must(n >= 16 && n < MAX);
	for (size_t i = 0; i < n; i++) {
		must(has_flag((uintptr_t)pieces[i], "lo"));
		must(all_bytes(pieces[i], 64 * KIB, 0));
		memset(pieces[i], 0xa5, 64 * KIB);
	}
	must(mem_locked() >= n * 64 * KIB && mem_locked() <= LIMIT);
	must(mem_locked() == locked_kib() * KIB);
	must(mem_alloc(3 * MIB) == NULL && errno == ENOMEM);
	must(mem_realloc(pieces[0], 3 * MIB) == NULL);
	must(all_bytes(pieces[0], 64 * KIB, 0xa5));
	/* A refusal is not for ever. */
	mem_free(pieces[--n]);
	p = mem_alloc(64 * KIB);
	must(p != NULL && all_bytes(p, 64 * KIB, 0));
	for (size_t i = 0; i < n; i++)
		mem_free(pieces[i]);
	mem_free(p);
	must(mem_alloc(MIB) != NULL);
}

static void stays_within_the_limit_and_recovers_from_it(void **state)
{
	(void)state;
	if (!LOCKS_ARE_REAL)
		skip();
	assert_int_equal(in_child(probe_limit), 0);
}

static void probe_shrink(void)
{
	enum { LIMIT = MIB + 512 * KIB, MAX = 300 };
	uint8_t *p, *rest[MAX];

	limit_locking(LIMIT);
	p = mem_alloc(512 * KIB);
	must(p != NULL);
	must(exhaust(rest, MAX, 4096) > 0);
	memset(p, 0xa5, 512 * KIB);
	/* Nothing is left to move it to, so it can but stay where it is. */
	must(mem_realloc(p, 1000) == p);
	must(all_bytes(p, 1000, 0xa5));
	must(mem_realloc(p, 400 * KIB) == p);
	must(all_bytes(p, 1000, 0xa5));
	must(all_bytes(p + 1000, 400 * KIB - 1000, 0));
}

static void realloc_zeroes_the_new_part_even_out_of_memory(void **state)
{
	(void)state;
	if (!LOCKS_ARE_REAL)
		skip();
	assert_int_equal(in_child(probe_shrink), 0);
}

static void probe_harden(void)
{
	const struct rlimit some = {0, RLIM_INFINITY};
	struct rlimit core;

	(void)setrlimit(RLIMIT_CORE, &some);
	must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	must(mem_harden() == 0);
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(getrlimit(RLIMIT_CORE, &core) == 0);
	must(core.rlim_cur == 0 && core.rlim_max == 0);
	/* The stack is locked, and not to be dumped. */
	must(!LOCKS_ARE_REAL || has_flag((uintptr_t)&core, "lo"));
	must(has_flag((uintptr_t)&core, "dd"));
}

static void harden_forbids_dumps_and_core_files(void **state)
{
	(void)state;
	assert_int_equal(in_child(probe_harden), 0);
}

static void probe_wipe_all(void)
{
	static const size_t sizes[] = {1,	  16,	     100,
				       2048,	  4096,	     64 * KIB,
				       512 * KIB, 513 * KIB, 2 * MIB};
	enum { N = sizeof(sizes) / sizeof(sizes[0]) };
	static uint8_t seen[2 * MIB];
	uint8_t *pieces[N];

	for (size_t i = 0; i < N; i++) {
		mem_free(mem_alloc(sizes[i]));
		pieces[i] = mem_alloc(sizes[i]);
		must(pieces[i] != NULL);
		memset(pieces[i], 0xa5, sizes[i]);
	}
	mem_wipe_all();
	for (size_t i = 0; i < N; i++) {
		must(peek((uintptr_t)pieces[i], seen, sizes[i]) ==
		     (ssize_t)sizes[i]);
		must(all_bytes(seen, sizes[i], 0));
	}
}

static void wipe_all_leaves_nothing_behind(void **state)
{
	(void)state;
	assert_int_equal(in_child(probe_wipe_all), 0);
}

static void probe_wipe_nothing(void)
{
	mem_wipe_all();
}

static void wipe_all_of_nothing_is_fine(void **state)
{
	(void)state;
	assert_int_equal(in_child(probe_wipe_nothing), 0);
}

/* Pointers that mem_free() must not take. */

static void free_static(void)
{
	static uint8_t ours[64];

	mem_free(mem_alloc(1));
	mem_free(ours);
}

static void free_automatic(void)
{
	uint8_t ours[64] = {0};

	mem_free(mem_alloc(1));
	mem_free(ours);
}

static void free_malloced(void)
{
	static uint8_t *ours;

	ours = malloc(64);
	must(ours != NULL);
	(void)close(STDERR_FILENO); /* AddressSanitizer's words help nobody */
	mem_free(ours);
}

static void free_run_twice(void)
{
	uint8_t *p = mem_alloc(64 * KIB);

	must(mem_alloc(4096) != NULL);
	mem_free(p);
	mem_free(p);
}

static void free_inside(size_t size, size_t offset)
{
	uint8_t *p = mem_alloc(size), *next = mem_alloc(size);

	must(p != NULL && next != NULL);
	mem_free(p + offset);
}

static void free_inside_small(void)
{
	free_inside(64, 16);
}

static void free_inside_slab_tail(void)
{
	/* 4096 is no multiple of 48: the last 16 bytes belong to no piece. */
	uint8_t *p = mem_alloc(48);

	mem_free((uint8_t *)((uintptr_t)p | 4095) - 15);
}

static void free_inside_run(void)
{
	free_inside(64 * KIB, 4096);
}

static void free_inside_huge(void)
{
	free_inside(2 * MIB, 4096);
}

static void free_chunk_header(void)
{
	uint8_t *p = mem_alloc(4096);

	mem_free((void *)((uintptr_t)p & ~(uintptr_t)(MIB - 1)));
}

static void free_never_allocated(void)
{
	uint8_t *p = mem_alloc(4096);

	mem_free((void *)(((uintptr_t)p | (MIB - 1)) - 4095));
}

/* AddressSanitizer may be the first to see it; then it exits. */
static bool stops(void (*probe)(void))
{
	int status = in_child(probe);

	if (!LOCKS_ARE_REAL && WIFEXITED(status))
		return WEXITSTATUS(status) != 0 &&
		       WEXITSTATUS(status) != GAVE_UP;
	return WIFSIGNALED(status) &&
	       (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGSEGV ||
		WTERMSIG(status) == SIGBUS);
}

static void aborts_on_memory_of_others(void **state)
{
	(void)state;
	assert_true(stops(free_static));
	assert_true(stops(free_automatic));
	assert_true(stops(free_malloced));
}

static void aborts_on_places_it_never_handed_out(void **state)
{
	(void)state;
	assert_true(stops(free_chunk_header));
	assert_true(stops(free_never_allocated));
}

static void aborts_on_what_is_free_already(void **state)
{
	(void)state;
	assert_true(stops(free_run_twice));
}

static void aborts_on_pointers_into_a_piece(void **state)
{
	(void)state;
	assert_true(stops(free_inside_small));
	assert_true(stops(free_inside_slab_tail));
	assert_true(stops(free_inside_run));
	assert_true(stops(free_inside_huge));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_out_nothing_where_nothing_can_be_locked),
		cmocka_unit_test(stays_within_the_limit_and_recovers_from_it),
		cmocka_unit_test(
			realloc_zeroes_the_new_part_even_out_of_memory),
		cmocka_unit_test(harden_forbids_dumps_and_core_files),
		cmocka_unit_test(wipe_all_leaves_nothing_behind),
		cmocka_unit_test(wipe_all_of_nothing_is_fine),
		cmocka_unit_test(aborts_on_memory_of_others),
		cmocka_unit_test(aborts_on_places_it_never_handed_out),
		cmocka_unit_test(aborts_on_what_is_free_already),
		cmocka_unit_test(aborts_on_pointers_into_a_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
