/* SPDX-License-Identifier: MIT */
/*
 * passphrase_ask() on a terminal.  Three processes:
 *
 *	typist	this test, at the master of a pseudo-terminal
 *	leader	of the session whose controlling terminal is the slave; the
 *		terminal is reset when it ends, so it looks first
 *	asker	calls passphrase_ask(), and may die of a signal
 *
 * The typist allocates nothing of crypto/mem.h, so that every asker begins
 * with an empty arena.
 */
#include "common.h"
#include "crypto/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const char prompt[] = "Say the word: ";

/* What the asker got. */
struct answer {
	int err;
	size_t len;
	char text[64];
};

/* What the leader found when the asker had ended. */
struct report {
	bool restored;
	int status;
	bool answered;
	struct answer answer;
};

/* All that a terminal has said. */
struct screen {
	char text[512];
	size_t len;
};

static void ignore_softly(int sig)
{
	(void)sig;
}

/* The asker.  on_interrupt is what SIGINT does to it. */
static _Noreturn void ask(int to, void (*on_interrupt)(int))
{
	const struct sigaction act = {.sa_handler = on_interrupt};
	struct answer a = {0};
	struct secret s = {0};

	(void)sigaction(SIGINT, &act, NULL);
	a.err = passphrase_ask(&s, prompt);
	a.len = s.len;
	if (s.data != NULL)
		memcpy(a.text, s.data,
		       s.len < sizeof(a.text) ? s.len : sizeof(a.text));
	secret_free(&s);
	_exit(write(to, &a, sizeof(a)) == sizeof(a) ? 0 : 1);
}

/* The leader: begin a session on the terminal, have it asked, and look. */
static _Noreturn void lead(const char *slave, int to, void (*on_interrupt)(int))
{
	struct termios before, after;
	struct report r = {0};
	int tty, answer[2];
	pid_t asker;

	(void)alarm(60);
	(void)signal(SIGINT, SIG_IGN);
	if (setsid() < 0 || pipe(answer) != 0)
		_exit(1);
	tty = open(slave, O_RDWR);
	if (tty < 0 || tcgetattr(tty, &before) != 0)
		_exit(1);
	/* Not what a reset terminal has, so that a reset is seen as one. */
	before.c_cc[VEOL] = '!';
	before.c_lflag &= ~(tcflag_t)ECHOCTL;
	if (tcsetattr(tty, TCSANOW, &before) != 0)
		_exit(1);
	asker = fork();
	if (asker == 0)
		ask(answer[1], on_interrupt);
	(void)close(answer[1]);
	r.answered = read(answer[0], &r.answer, sizeof(r.answer)) ==
		     sizeof(r.answer);
	if (waitpid(asker, &r.status, 0) != asker || tcgetattr(tty, &after))
		_exit(1);
	r.restored = before.c_iflag == after.c_iflag &&
		     before.c_oflag == after.c_oflag &&
		     before.c_cflag == after.c_cflag &&
		     before.c_lflag == after.c_lflag &&
		     memcmp(before.c_cc, after.c_cc, sizeof(after.c_cc)) == 0;
	_exit(write(to, &r, sizeof(r)) == sizeof(r) ? 0 : 1);
}

/* Take in what the terminal says until it has said text. */
static void read_until(struct screen *s, int master, const char *text)
{
	while (strstr(s->text, text) == NULL) {
		struct pollfd p = {.fd = master, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&p, 1, 30000), 1);
		n = read(master, s->text + s->len,
			 sizeof(s->text) - 1 - s->len);
		assert_true(n > 0);
		s->len += (size_t)n;
	}
}

/* Take in the rest, until the last process has left the terminal. */
static void read_rest(struct screen *s, int master)
{
	ssize_t n;

	do {
		assert_true(s->len < sizeof(s->text) - 1);
		n = read(master, s->text + s->len,
			 sizeof(s->text) - 1 - s->len);
		if (n > 0)
			s->len += (size_t)n;
	} while (n > 0);
}

/*
 * Type keys.  An interrupt that comes between the prompt and the read behind
 * it is noted, but ends no read: whoever sits there presses again.
 */
static void type(int master, const char *keys, int report)
{
	struct pollfd p = {.fd = report, .events = POLLIN};
	unsigned tries = strchr(keys, '\003') != NULL ? 100 : 1;

	do
		assert_int_equal(write(master, keys, strlen(keys)),
				 strlen(keys));
	while (--tries > 0 && poll(&p, 1, 300) == 0);
}

/* Have a passphrase asked for, and type keys. */
static struct report converse(struct screen *s, const char *keys,
			      void (*on_interrupt)(int))
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), report[2];
	struct report r = {0};
	struct termios now;
	int status;
	pid_t leader;

	*s = (struct screen){0};
	assert_true(master >= 0 && grantpt(master) == 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(pipe(report), 0);
	leader = fork();
	assert_true(leader >= 0);
	if (leader == 0) {
		char *name = ptsname(master);

		lead(name, report[1], on_interrupt);
	}
	assert_int_equal(close(report[1]), 0);
	read_until(s, master, prompt);
	assert_int_equal(tcgetattr(master, &now), 0);
	assert_int_equal(now.c_lflag & (ECHO | ECHONL), 0);
	type(master, keys, report[0]);
	assert_int_equal(read(report[0], &r, sizeof(r)), sizeof(r));
	assert_int_equal(waitpid(leader, &status, 0), leader);
	assert_int_equal(status, 0);
	read_rest(s, master);
	assert_int_equal(close(report[0]), 0);
	assert_int_equal(close(master), 0);
	return r;
}

static void reads_a_line_and_shows_nothing_of_it(void **state)
{
	struct screen s;
	struct report r = converse(&s, "xyzzy plugh\n", SIG_DFL);

	(void)state;
	assert_true(r.answered);
	assert_int_equal(r.answer.err, 0);
	assert_int_equal(r.answer.len, 11);
	assert_memory_equal(r.answer.text, "xyzzy plugh", 11);
	assert_true(r.restored);
	/* The prompt, the end of its line, and nothing else. */
	assert_memory_equal(s.text, prompt, strlen(prompt));
	assert_string_equal(s.text + strlen(prompt), "\r\n");
}

static void edits_the_line_as_the_terminal_does(void **state)
{
	struct screen s;
	struct report r = converse(&s, "wrong\x15righd\x7ft\n", SIG_DFL);

	(void)state;
	assert_int_equal(r.answer.err, 0);
	assert_int_equal(r.answer.len, 5);
	assert_memory_equal(r.answer.text, "right", 5);
}

static void keeps_bytes_that_are_not_ascii(void **state)
{
	struct screen s;
	struct report r = converse(&s, "\xc3\xa9\xff \n", SIG_DFL);

	(void)state;
	assert_int_equal(r.answer.err, 0);
	assert_int_equal(r.answer.len, 4);
	assert_memory_equal(r.answer.text, "\xc3\xa9\xff ", 4);
}

static void refuses_an_empty_line_and_the_end(void **state)
{
	struct screen s;
	struct report r = converse(&s, "\n", SIG_DFL);

	(void)state;
	assert_int_equal(r.answer.err, -ENODATA);
	assert_int_equal(r.answer.len, 0);
	assert_true(r.restored);
	r = converse(&s, "\x04", SIG_DFL);
	assert_int_equal(r.answer.err, -ENODATA);
	assert_true(r.restored);
}

static void restores_the_terminal_when_a_signal_kills_it(void **state)
{
	struct screen s;
	struct report r = converse(&s, "half a w\x03", SIG_DFL);

	(void)state;
	assert_false(r.answered);
	assert_true(WIFSIGNALED(r.status));
	assert_int_equal(WTERMSIG(r.status), SIGINT);
	assert_true(r.restored);
	assert_null(strstr(s.text, "half"));
}

static void restores_the_terminal_when_a_signal_is_handled(void **state)
{
	struct screen s;
	struct report r = converse(&s, "half a w\x03", ignore_softly);

	(void)state;
	assert_true(r.answered);
	assert_int_equal(r.answer.err, -EINTR);
	assert_int_equal(r.answer.len, 0);
	assert_true(r.restored);
	assert_null(strstr(s.text, "half"));
}

static void says_so_without_a_terminal(void **state)
{
	struct answer a;
	int fd[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(60);
		if (setsid() < 0)
			_exit(1);
		ask(fd[1], SIG_DFL);
	}
	assert_int_equal(close(fd[1]), 0);
	assert_int_equal(read(fd[0], &a, sizeof(a)), sizeof(a));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(a.err, -ENOTTY);
	assert_int_equal(a.len, 0);
	assert_int_equal(close(fd[0]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_line_and_shows_nothing_of_it),
		cmocka_unit_test(edits_the_line_as_the_terminal_does),
		cmocka_unit_test(keeps_bytes_that_are_not_ascii),
		cmocka_unit_test(refuses_an_empty_line_and_the_end),
		cmocka_unit_test(restores_the_terminal_when_a_signal_kills_it),
		cmocka_unit_test(
			restores_the_terminal_when_a_signal_is_handled),
		cmocka_unit_test(says_so_without_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
