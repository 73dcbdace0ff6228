/* SPDX-License-Identifier: MIT */
#include "tools/machine/caps.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What a child says by its exit status. */
enum { GLOBAL, LOCAL, UNABLE };

static bool put(pid_t pid, const char *name, const char *text)
{
	char path[64];
	bool is_done;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	is_done = write(fd, text, strlen(text)) > 0;
	(void)close(fd);
	return is_done;
}

/* Be in a user namespace, and say when; then wait for its ids. */
static _Noreturn void be_inside(int left, int mapped)
{
	char byte;

	if (unshare(CLONE_NEWUSER) != 0 || write(left, "", 1) != 1 ||
	    read(mapped, &byte, 1) != 1)
		_exit(UNABLE);
	_exit(caps_are_global() ? GLOBAL : LOCAL);
}

/* What a process says in a namespace with that map of users. */
static int inside(const char *map)
{
	int left[2], mapped[2], status = 0;
	bool is_ready;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(left), 0);
	assert_int_equal(pipe(mapped), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(left[0]);
		(void)close(mapped[1]);
		be_inside(left[1], mapped[0]);
	}
	(void)close(left[1]);
	(void)close(mapped[0]);
	is_ready = read(left[0], &byte, 1) == 1 && put(pid, "uid_map", map);
	if (is_ready)
		(void)!write(mapped[1], "", 1);
	(void)close(left[0]);
	(void)close(mapped[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Namespaces of ours have such a map, so that files keep their owners. */
static void do_not_count_for_the_machine_where_each_id_is_itself(void **state)
{
	int said;

	(void)state;
	if (geteuid() != 0 || !caps_are_global())
		skip();
	said = inside("0 0 4294967295\n");
	if (said == UNABLE)
		skip();
	assert_int_equal(said, LOCAL);
}

static void do_not_count_for_the_machine_where_only_one_id_is(void **state)
{
	char map[32];
	int said;

	(void)state;
	(void)snprintf(map, sizeof(map), "0 %u 1\n", geteuid());
	said = inside(map);
	if (said == UNABLE)
		skip();
	assert_int_equal(said, LOCAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			do_not_count_for_the_machine_where_each_id_is_itself),
		cmocka_unit_test(
			do_not_count_for_the_machine_where_only_one_id_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
