/* SPDX-License-Identifier: MIT */
#include "crypto/passphrase.h"
#include "common.h"
#include "crypto/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Read what a pipe holds once len bytes were written to it. */
static int read_pipe(struct secret *ret, const void *bytes, size_t len)
{
	int fd[2], err;

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], bytes, len), len);
	assert_int_equal(close(fd[1]), 0);
	err = passphrase_read(ret, fd[0]);
	assert_int_equal(close(fd[0]), 0);
	return err;
}

static void expect(const void *bytes, size_t len, const char *want,
		   size_t want_len)
{
	struct secret s = {0};

	assert_int_equal(read_pipe(&s, bytes, len), 0);
	assert_int_equal(s.len, want_len);
	assert_memory_equal(s.data, want, want_len);
	secret_free(&s);
}

/* Refuse, and leave the result alone. */
static void expect_error(const void *bytes, size_t len, int want)
{
	uint8_t mark;
	struct secret s = {&mark, 12345};

	assert_int_equal(read_pipe(&s, bytes, len), want);
	assert_ptr_equal(s.data, &mark);
	assert_int_equal(s.len, 12345);
}

static void drops_one_newline_at_the_end_and_only_one(void **state)
{
	(void)state;
	expect("abc", 3, "abc", 3);
	expect("abc\n", 4, "abc", 3);
	expect("abc\n\n", 5, "abc\n", 4);
	expect("abc\r\n", 5, "abc\r", 4);
	expect("\nabc", 4, "\nabc", 4);
	expect("a\nb\n", 4, "a\nb", 3);
	expect("\n\n", 2, "\n", 1);
}

static void keeps_every_other_byte(void **state)
{
	uint8_t all[256];

	(void)state;
	expect("a\0b\0", 4, "a\0b\0", 4);
	expect("\0", 1, "\0", 1);
	expect(" \t x ", 5, " \t x ", 5);
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	expect(all, sizeof(all), (const char *)all, sizeof(all));
}

static void refuses_an_empty_one(void **state)
{
	(void)state;
	expect_error("", 0, -ENODATA);
	expect_error("\n", 1, -ENODATA);
}

static void takes_4096_bytes_and_no_more(void **state)
{
	char bytes[8192];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	expect(bytes, 4096, bytes, 4096);
	expect_error(bytes, 4097, -EMSGSIZE);
	expect_error(bytes, 4098, -EMSGSIZE);
	expect_error(bytes, 4099, -EMSGSIZE);
	expect_error(bytes, sizeof(bytes), -EMSGSIZE);
	bytes[4096] = '\n';
	expect(bytes, 4097, bytes, 4096);
	expect_error(bytes, 4098, -EMSGSIZE);
	expect_error(bytes, 4099, -EMSGSIZE);
	bytes[4097] = '\n';
	expect_error(bytes, 4098, -EMSGSIZE);
	bytes[4096] = 'x';
	expect_error(bytes, 4098, -EMSGSIZE);
	expect_error(bytes, 4099, -EMSGSIZE);
}

static void reads_a_file_from_where_it_stands(void **state)
{
	char path[] = "/tmp/passphrase.XXXXXX";
	int fd = mkstemp(path);
	struct secret s;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, "skip me\n", 8), 8);
	assert_int_equal(write(fd, "not me\n", 7), 7);
	assert_int_equal(lseek(fd, 8, SEEK_SET), 8);
	assert_int_equal(passphrase_read(&s, fd), 0);
	assert_int_equal(s.len, 6);
	assert_memory_equal(s.data, "not me", 6);
	secret_free(&s);
	assert_int_equal(close(fd), 0);
}

/* One read(2) of such a socket yields one packet, so these are the pieces. */
static void takes_it_in_pieces(void **state)
{
	struct secret s;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	assert_int_equal(send(fd[1], "one\n", 4, 0), 4);
	assert_int_equal(send(fd[1], "t", 1, 0), 1);
	assert_int_equal(send(fd[1], "wo", 2, 0), 2);
	assert_int_equal(send(fd[1], "\n", 1, 0), 1);
	assert_int_equal(close(fd[1]), 0);
	assert_int_equal(passphrase_read(&s, fd[0]), 0);
	assert_int_equal(s.len, 7);
	assert_memory_equal(s.data, "one\ntwo", 7);
	secret_free(&s);
	assert_int_equal(close(fd[0]), 0);
}

static void tells_of_errors_of_read(void **state)
{
	struct secret s = {0};
	int fd[2], dir = open("/", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
	assert_int_equal(passphrase_read(&s, -1), -EBADF);
	assert_int_equal(passphrase_read(&s, fd[1]), -EBADF);
	assert_int_equal(passphrase_read(&s, dir), -EISDIR);
	assert_int_equal(passphrase_read(&s, fd[0]), -EAGAIN);
	assert_int_equal(write(fd[1], "begun", 5), 5);
	assert_int_equal(passphrase_read(&s, fd[0]), -EAGAIN);
	assert_null(s.data);
	(void)close(dir);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

static atomic_int interrupts;

static void count_interrupt(int sig)
{
	(void)sig;
	interrupts++;
}

struct reading {
	int fd, err;
	struct secret s;
};

static void *read_in_thread(void *arg)
{
	struct reading *r = arg;

	r->err = passphrase_read(&r->s, r->fd);
	return NULL;
}

static void goes_on_after_a_signal(void **state)
{
	/* No SA_RESTART: read(2) fails with EINTR. */
	const struct sigaction count = {.sa_handler = count_interrupt};
	struct reading r = {0};
	pthread_t thread;
	int fd[2];

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &count, NULL), 0);
	assert_int_equal(pipe(fd), 0);
	r.fd = fd[0];
	assert_int_equal(pthread_create(&thread, NULL, read_in_thread, &r), 0);
	/* The first may come before the read; the hundredth does not. */
	for (int i = 0; i < 100; i++) {
		assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
		while (interrupts <= i)
			(void)sched_yield();
	}
	assert_int_equal(write(fd[1], "still here", 10), 10);
	assert_int_equal(close(fd[1]), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.s.len, 10);
	secret_free(&r.s);
	assert_int_equal(close(fd[0]), 0);
}

static void holds_no_memory_after_an_error(void **state)
{
	struct secret s = {0};
	size_t locked = mem_locked();

	(void)state;
	/* 1,000 lost buffers would be 8 MiB. */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(passphrase_read(&s, -1), -EBADF);
	assert_true(mem_locked() <= locked + (1 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_one_newline_at_the_end_and_only_one),
		cmocka_unit_test(keeps_every_other_byte),
		cmocka_unit_test(refuses_an_empty_one),
		cmocka_unit_test(takes_4096_bytes_and_no_more),
		cmocka_unit_test(reads_a_file_from_where_it_stands),
		cmocka_unit_test(takes_it_in_pieces),
		cmocka_unit_test(tells_of_errors_of_read),
		cmocka_unit_test(goes_on_after_a_signal),
		cmocka_unit_test(holds_no_memory_after_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
