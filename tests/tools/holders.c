/* SPDX-License-Identifier: MIT */
#include "tools/mounts/holders.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * What is held is of the filesystem that memfd_create(2) makes its files in,
 * which few others use.
 */
static dev_t dev;
static int parent_pipe[2];

static int new_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	return fd;
}

static int find_device(void **state)
{
	int fd = memfd_create("device", MFD_CLOEXEC);
	struct stat st;

	(void)state;
	if (fd < 0 || fstat(fd, &st) != 0 || pipe(parent_pipe) != 0)
		return -1;
	dev = st.st_dev;
	return close(fd);
}

static void take_file(void)
{
	(void)prctl(PR_SET_NAME, "the\nholder");
	(void)memfd_create("first", 0);
	(void)memfd_create("second", 0);
	(void)!dup(memfd_create("third", 0));
}

static void take_mapping(void)
{
	int fd = memfd_create("mapped", 0);

	(void)!ftruncate(fd, 4096);
	(void)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	(void)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	(void)close(fd);
}

/* A child that has done so, with nothing open but that. */
static pid_t start(void (*take)(void))
{
	pid_t pid = fork();
	char byte = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		take();
		(void)!write(parent_pipe[1], &byte, 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(parent_pipe[0], &byte, 1), 1);
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static const struct holder *of(const struct holders *h, pid_t pid)
{
	const struct holder *one = h->first;

	while (one != NULL && one->pid != pid)
		one = one->next;
	return one;
}

static void open_files(void **state)
{
	struct holders h = {0};
	pid_t pid = start(take_file);
	const struct holder *one;

	(void)state;
	assert_int_equal(holders_find(&h, dev, 0), 0);
	one = of(&h, pid);
	assert_non_null(one);
	assert_int_equal(one->how, HOLDER_FILE);
	assert_string_equal(one->name, "the\nholder");
	assert_string_equal(one->path, "/memfd:first");
	assert_int_equal(one->more, 2);
	assert_false(one->is_elsewhere);
	assert_false(one->is_spared);
	assert_true(holders_is_alive(one));
	end(pid);
	assert_false(holders_is_alive(one));
	holders_free(&h);
	holders_free(&h);
}

static void mappings(void **state)
{
	struct holders h = {0};
	pid_t pid = start(take_mapping);
	const struct holder *one;

	(void)state;
	assert_int_equal(holders_find(&h, dev, 0), 0);
	one = of(&h, pid);
	assert_non_null(one);
	assert_int_equal(one->how, HOLDER_MAPPING);
	assert_string_equal(one->path, "/memfd:mapped");
	assert_int_equal(one->more, 0);
	end(pid);
	holders_free(&h);
}

static void left_alone(void **state)
{
	struct holders h = {0};
	int fd = new_file("ours");
	pid_t pid = start(take_file);

	(void)state;
	assert_int_equal(holders_find(&h, dev, pid), 0);
	assert_null(of(&h, getpid()));
	assert_null(of(&h, pid));
	holders_free(&h);
	/* The child of a daemon is its keeper. */
	assert_int_equal(holders_find(&h, dev, getpid()), 0);
	assert_null(of(&h, pid));
	holders_free(&h);
	end(pid);
	(void)close(fd);
}

static void ancestors(void **state)
{
	int fd = new_file("inherited"), status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct holders h = {0};
		int err = holders_find(&h, dev, 0);
		const struct holder *one = of(&h, getppid());

		_exit(err == 0 && one != NULL && one->is_spared ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(fd);
}

static void no_room(void **state)
{
	enum { FEW = 40, CHILDREN = 60 };
	const struct rlimit few = {FEW, FEW};
	pid_t children[CHILDREN];
	int status;
	pid_t pid;

	(void)state;
	for (int i = 0; i < CHILDREN; i++)
		children[i] = start(take_file);
	pid = fork();
	if (pid == 0) {
		struct holders h = {0};
		int err = setrlimit(RLIMIT_NOFILE, &few) != 0
				  ? -errno
				  : holders_find(&h, dev, 0);

		_exit(err == 0 && h.count > 0 && h.count < FEW &&
				      h.count + h.left_out >= CHILDREN
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < CHILDREN; i++)
		end(children[i]);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_files), cmocka_unit_test(mappings),
		cmocka_unit_test(left_alone), cmocka_unit_test(ancestors),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests_name("holders", tests, find_device, NULL);
}
