/* SPDX-License-Identifier: MIT */
#include "tools/daemon/leases.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
	struct loop *loop;
	struct leases *leases;
	int lasts; /* how often the last one has ended */
};

static void on_last(void *ctx)
{
	struct scene *s = ctx;

	s->lasts++;
	loop_stop(s->loop);
}

static int set_up(void **state)
{
	static struct scene s;

	s = (struct scene){0};
	*state = &s;
	return loop_new(&s.loop) == 0 &&
			       leases_new(&s.leases, s.loop, on_last, &s) == 0
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	leases_free(s->leases);
	loop_free(s->loop);
	return 0;
}

/* A process that waits to be killed. */
static pid_t start(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	while (pid == 0)
		(void)pause();
	return pid;
}

static int pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	assert_true(fd >= 0);
	return fd;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* A terminal that changes nothing; *ret is the keyboard's side. */
static int open_terminal(int *ret)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	struct termios mode;
	int terminal;

	assert_true(fd >= 0);
	assert_int_equal(grantpt(fd), 0);
	assert_int_equal(unlockpt(fd), 0);
	terminal = open(ptsname(fd), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	assert_int_equal(tcgetattr(terminal, &mode), 0);
	cfmakeraw(&mode);
	assert_int_equal(tcsetattr(terminal, TCSANOW, &mode), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	*ret = fd;
	return terminal;
}

/* What has come out of a terminal is text. */
static void shows(int fd, const char *text)
{
	char buf[256] = "";
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	assert_string_equal(buf, text);
}

static void ends_with_its_process(void **state)
{
	struct scene *s = *state;
	pid_t pid = start();

	assert_int_equal(leases_add(s->leases, pidfd(pid), -1), 0);
	assert_int_equal(leases_count(s->leases), 1);
	end(pid);
	assert_int_equal(loop_run(s->loop), 0);
	assert_int_equal(s->lasts, 1);
	assert_int_equal(leases_count(s->leases), 0);
}

static void ends_when_nobody_has_waited_yet(void **state)
{
	struct scene *s = *state;
	pid_t pid = start();

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(leases_add(s->leases, pidfd(pid), -1), 0);
	assert_int_equal(loop_run(s->loop), 0);
	assert_int_equal(leases_count(s->leases), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void tells_of_the_last_alone(void **state)
{
	struct scene *s = *state;
	pid_t pids[3];

	for (int i = 0; i < 3; i++) {
		pids[i] = start();
		assert_int_equal(leases_add(s->leases, pidfd(pids[i]), -1), 0);
	}
	/* The same process may have several. */
	assert_int_equal(leases_add(s->leases, pidfd(pids[1]), -1), 0);
	assert_int_equal(leases_count(s->leases), 4);
	for (int i = 0; i < 3; i++)
		end(pids[i]);
	assert_int_equal(loop_run(s->loop), 0);
	assert_int_equal(s->lasts, 1);
	assert_int_equal(leases_count(s->leases), 0);
}

static void takes_processes_only(void **state)
{
	struct scene *s = *state;
	int ends[2], keyboard, terminal;

	assert_int_equal(pipe(ends), 0);
	terminal = open_terminal(&keyboard);
	assert_int_equal(leases_add(s->leases, ends[0], terminal), -EINVAL);
	assert_false(is_open(ends[0]));
	assert_false(is_open(terminal));
	assert_int_equal(leases_add(s->leases, ends[1], -1), -EINVAL);
	assert_int_equal(
		leases_add(s->leases, open("/proc/self", O_RDONLY), -1),
		-EINVAL);
	assert_int_equal(leases_count(s->leases), 0);
	assert_int_equal(s->lasts, 0);
	(void)close(keyboard);
}

static void takes_so_many(void **state)
{
	struct scene *s = *state;
	pid_t pid = start();
	int fd;

	for (int i = 0; i < LEASES_MAX; i++)
		assert_int_equal(leases_add(s->leases, pidfd(pid), -1), 0);
	fd = pidfd(pid);
	assert_int_equal(leases_add(s->leases, fd, -1), -EBUSY);
	assert_false(is_open(fd));
	end(pid);
	assert_int_equal(loop_run(s->loop), 0);
	assert_int_equal(s->lasts, 1);
}

static void tells_each_terminal_once(void **state)
{
	struct scene *s = *state;
	int one, other, terminal = open_terminal(&one);
	pid_t pid = start();

	assert_int_equal(leases_add(s->leases, pidfd(pid), -1), 0);
	assert_int_equal(leases_add(s->leases, pidfd(pid), dup(terminal)), 0);
	assert_int_equal(leases_add(s->leases, pidfd(pid), terminal), 0);
	assert_int_equal(
		leases_add(s->leases, pidfd(pid), open_terminal(&other)), 0);
	leases_tell(s->leases, "word");
	shows(one, "\r\nword\r\n");
	shows(one, "");
	shows(other, "\r\nword\r\n");
	leases_tell(s->leases, "more");
	shows(one, "\r\nmore\r\n");
	end(pid);
	assert_int_equal(loop_run(s->loop), 0);
	assert_false(is_open(terminal));
	(void)close(one);
	(void)close(other);
}

static void needs_no_terminal(void **state)
{
	struct scene *s = *state;
	pid_t pid = start();
	int ends[2];
	char byte;

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_int_equal(leases_add(s->leases, pidfd(pid), ends[1]), 0);
	assert_false(is_open(ends[1]));
	leases_tell(s->leases, "word");
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void)close(ends[0]);
	end(pid);
}

static void waits_for_no_terminal(void **state)
{
	struct scene *s = *state;
	int keyboard, terminal = open_terminal(&keyboard);
	pid_t pid = start();

	assert_int_equal(leases_add(s->leases, pidfd(pid), terminal), 0);
	/* Nobody reads what is shown. */
	(void)alarm(20);
	for (int i = 0; i < 20000; i++)
		leases_tell(s->leases, "word");
	/* Nor is there anybody any more. */
	(void)close(keyboard);
	leases_tell(s->leases, "word");
	(void)alarm(0);
	assert_int_equal(leases_count(s->leases), 1);
	end(pid);
}

static void may_be_freed_at_any_time(void **state)
{
	struct scene *s = *state;
	pid_t pid = start();
	int fd = pidfd(pid);

	assert_int_equal(leases_add(s->leases, fd, -1), 0);
	leases_free(s->leases);
	s->leases = NULL;
	assert_false(is_open(fd));
	assert_int_equal(s->lasts, 0);
	leases_free(NULL);
	end(pid);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends_with_its_process),
		TEST(ends_when_nobody_has_waited_yet),
		TEST(tells_of_the_last_alone),
		TEST(takes_processes_only),
		TEST(takes_so_many),
		TEST(tells_each_terminal_once),
		TEST(needs_no_terminal),
		TEST(waits_for_no_terminal),
		TEST(may_be_freed_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
