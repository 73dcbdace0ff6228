/* SPDX-License-Identifier: MIT */
/* A process that saves, killed at any moment. */
#include "common.h"
#include "files.h"
#include "fs/store.h"

#include <signal.h>
#include <time.h>

/* Save versions of different lengths for ever. */
static void save_for_ever(int ready)
{
	struct store *s = NULL;
	struct blob b = {blob_alloc(300000), 0};

	if (b.data == NULL || store_open(&s, in_folder("v")) != 0)
		_exit(1);
	for (unsigned i = 0;; i++) {
		b.len = 1000 + i * 7919 % 299000;
		memset(b.data, (int)('a' + i % 26), b.len);
		/* Its own length, so that a part of it is no whole. */
		memcpy(b.data, &b.len, sizeof(b.len));
		if (store_save(s, &b) != 0)
			_exit(1);
		if (i == 0)
			(void)!write(ready, "x", 1);
	}
}

static void assert_whole_version(void)
{
	struct blob b = slurp(in_folder("v"));
	size_t len;

	assert_in_range(b.len, 1000, 300000);
	memcpy(&len, b.data, sizeof(len));
	assert_int_equal(len, b.len);
	assert_true(all_bytes(b.data + sizeof(len), len - sizeof(len),
			      b.data[sizeof(len)]));
	blob_free(&b);
}

static void a_killed_saver_leaves_a_whole_file(void **state)
{
	uint64_t random = 1;

	(void)state;
	write_file("v", "x", 1);
	for (unsigned i = 0; i < 100; i++) {
		struct timespec nap = {0,
				       (long)(next_random(&random) % 3000000)};
		int ready[2], status;
		pid_t pid;
		char c;

		assert_int_equal(pipe(ready), 0);
		pid = fork();
		if (pid == 0)
			save_for_ever(ready[1]);
		(void)close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1);
		(void)nanosleep(&nap, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		(void)close(ready[0]);
		assert_whole_version();
		assert_in_range(names_in_folder(), 2, 3);
	}
}

#define in_new_folder(f)                                                       \
	cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_new_folder(a_killed_saver_leaves_a_whole_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
