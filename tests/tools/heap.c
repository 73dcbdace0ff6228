/* SPDX-License-Identifier: MIT */
/* The malloc(3) family of our programs, as this one has it too. */
#include "crypto/mem.h"
#include "crypto/poison.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Under a sanitizer it is the sanitizer's. */
#if defined(WITH_ASAN) || defined(WITH_TSAN)
enum { OURS = 0 };
#else
enum { OURS = 1 };
#endif

/* Volatile, or the compiler knows too well what malloc(3) does. */
static void *volatile kept;

static size_t in_use(void)
{
	return mem_usage().plain + mem_locked();
}

static void it_is_the_arenas(void **state)
{
	size_t before = in_use();

	(void)state;
	if (!OURS)
		skip();
	kept = malloc(5 << 20);
	assert_non_null(kept);
	assert_true(in_use() >= before + (5 << 20));
	free(kept);
	assert_int_equal(in_use(), before);
	/* What the C library allocates itself is there as well. */
	kept = strdup("of the C library");
	assert_true(malloc_usable_size(kept) >= 17);
	assert_true(mem_usable(kept) == malloc_usable_size(kept));
	free(kept);
}

static void it_aligns(void **state)
{
	(void)state;
	for (size_t align = sizeof(void *); align <= 4096; align *= 2) {
		void *p = NULL;

		assert_int_equal(posix_memalign(&p, align, 1000), 0);
		assert_int_equal((uintptr_t)p % align, 0);
		free(p);
		p = aligned_alloc(align, align * 3);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % align, 0);
		free(p);
	}
	/* A sanitizer ends the program for that. */
	kept = NULL;
	if (OURS)
		assert_int_equal(posix_memalign((void **)&kept, 24, 100),
				 EINVAL);
	kept = valloc(10);
	assert_int_equal((uintptr_t)kept % (uintptr_t)getpagesize(), 0);
	free(kept);
}

static void it_says_when_there_is_not_enough(void **state)
{
	volatile size_t much = SIZE_MAX / 2 + 1;
	volatile size_t two = 2;

	(void)state;
	if (!OURS)
		skip();
	errno = 0;
	kept = calloc(much, two);
	assert_null(kept);
	assert_int_equal(errno, ENOMEM);
	kept = malloc(SIZE_MAX - two);
	assert_null(kept);
	errno = 7;
	free(NULL);
	free(malloc(10));
	assert_int_equal(errno, 7);
}

static void realloc_is_as_the_standard_has_it(void **state)
{
	char *p = realloc(NULL, 10);

	(void)state;
	assert_non_null(p);
	memcpy(p, "123456789", 10);
	for (size_t size = 10; size < (2 << 20); size *= 3) {
		p = realloc(p, size);
		assert_non_null(p);
		assert_string_equal(p, "123456789");
	}
	p = realloc(p, 10);
	assert_string_equal(p, "123456789");
	free(p);
	p = reallocarray(NULL, 3, 5);
	assert_non_null(p);
	free(p);
}

static void *work(void *arg)
{
	for (size_t i = 0; i < 20000; i++) {
		size_t size = (i * 7919 + (size_t)(uintptr_t)arg) % 5000;
		char *p = calloc(1, size + 1);

		if (p == NULL || p[size] != 0)
			return arg;
		memset(p, 1, size + 1);
		p = realloc(p, size / 2 + 1);
		if (p == NULL || p[size / 2] != 1)
			return arg;
		free(p);
	}
	return NULL;
}

static void threads_share_it(void **state)
{
	pthread_t t[4];
	void *failed;

	(void)state;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&t[i], NULL, work, (void *)(i + 1)), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(t[i], &failed), 0);
		assert_null(failed);
	}
}

/* Once it is locked, a forked child has none; so others are spawned. */
static void probe_hardened(void)
{
	static char sh[] = "sh", c[] = "-c", script[] = "exit 5";
	char *const argv[] = {sh, c, script, NULL};
	char *before = strdup("kept");
	int status = 0;
	pid_t pid;
	FILE *f;

	if (mem_harden() != 0)
		_exit(1);
	if (strcmp(before, "kept") != 0 ||
	    posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 5)
		_exit(2);
	f = fopen("/proc/self/status", "re");
	before = realloc(before, 100000);
	if (f == NULL || before == NULL || fgets(before, 1000, f) == NULL ||
	    strncmp(before, "Name:", 5) != 0)
		_exit(3);
	(void)fclose(f);
	free(before);
	_exit(0);
}

static void it_goes_on_when_the_process_is_hardened(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		probe_hardened();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_arenas),
		cmocka_unit_test(it_aligns),
		cmocka_unit_test(it_says_when_there_is_not_enough),
		cmocka_unit_test(realloc_is_as_the_standard_has_it),
		cmocka_unit_test(threads_share_it),
		cmocka_unit_test(it_goes_on_when_the_process_is_hardened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
