/* SPDX-License-Identifier: MIT */
/* The config's file: whose it may be, and what is said of it. */
#include "tools/project/config.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/tazpod-config-XXXXXX";
static char path[sizeof(top) + 16], said_path[sizeof(top) + 16];

static int make_top(void **state)
{
	(void)state;
	if (mkdtemp(top) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/config.yaml", top);
	(void)snprintf(said_path, sizeof(said_path), "%s/said", top);
	return 0;
}

static int remove_top(void **state)
{
	char command[PATH_MAX];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* A new file, whatever became of the one before. */
static void put(const char *text)
{
	const ssize_t len = (ssize_t)strlen(text);
	int fd;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)len), len);
	assert_int_equal(close(fd), 0);
}

/* What is said on standard error while something runs. */
struct said {
	int old;
	char text[1024];
};

static void listen_begin(struct said *s)
{
	int fd = open(said_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	s->old = dup(STDERR_FILENO);
	assert_true(fd >= 0 && s->old >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	(void)close(fd);
}

static void listen_end(struct said *s)
{
	int fd = open(said_path, O_RDONLY);
	ssize_t n;

	assert_true(dup2(s->old, STDERR_FILENO) >= 0);
	(void)close(s->old);
	assert_true(fd >= 0);
	n = read(fd, s->text, sizeof(s->text) - 1);
	assert_true(n >= 0);
	s->text[n] = '\0';
	(void)close(fd);
}

static enum exit_code read_said(struct said *s, struct config *c,
				const char *file)
{
	enum exit_code code;

	listen_begin(s);
	code = config_read(c, file);
	listen_end(s);
	return code;
}

static void assert_read(const char *image)
{
	struct config c;
	struct said s;

	assert_int_equal(read_said(&s, &c, path), EXIT_DONE);
	assert_string_equal(s.text, "");
	assert_string_equal(c.image, image);
	assert_non_null(c.bridges);
	assert_null(c.bridges[0]);
	config_free(&c);
}

/* In one line, which begins with the path and has what in it. */
static void assert_refused(const char *what)
{
	char begin[sizeof(path) + 16];
	struct config c;
	struct said s;

	(void)snprintf(begin, sizeof(begin), "tazpod: %s:", path);
	assert_int_equal(read_said(&s, &c, path), EXIT_USAGE);
	if (strncmp(s.text, begin, strlen(begin)) != 0 ||
	    strstr(s.text, what) == NULL)
		fail_msg("said: %s", s.text);
	assert_ptr_equal(strchr(s.text, '\n'), s.text + strlen(s.text) - 1);
}

static void reads_a_file_and_a_missing_one(void **state)
{
	(void)state;
	assert_read("localhost/tazpod");
	put("image: x\n");
	assert_read("x");
	put("");
	assert_read("localhost/tazpod");
}

static void says_the_path_and_the_line(void **state)
{
	(void)state;
	put("image: x\nuser: Root\n");
	assert_refused("config.yaml:2: user must be");
	/* What is in the file does not get at the terminal. */
	put("\n\"\\x1b[2J\": x\n");
	assert_refused("config.yaml:2: unknown key '?[2J'");
}

static void names_the_forerunners_keys(void **state)
{
	char wanted[512];
	struct config c;
	struct said s;

	(void)state;
	put("image: x\n\nmode: docker\nvault: {}\n");
	assert_int_equal(read_said(&s, &c, path), EXIT_DONE);
	assert_string_equal(s.text, "");
	listen_begin(&s);
	config_say_unused(&c, path);
	listen_end(&s);
	(void)snprintf(wanted, sizeof(wanted),
		       "tazpod: %s:3: 'mode' is the forerunner's; nothing "
		       "comes of it here\n"
		       "tazpod: %s:4: 'vault' is the forerunner's; nothing "
		       "comes of it here\n",
		       path, path);
	assert_string_equal(s.text, wanted);
	config_free(&c);
}

static void refuses_a_file_over_its_bound(void **state)
{
	char *text = calloc(1, YAML_INPUT_MAX + 2);

	(void)state;
	assert_non_null(text);
	memset(text, '#', YAML_INPUT_MAX);
	put(text);
	assert_read("localhost/tazpod");
	text[YAML_INPUT_MAX] = '#';
	put(text);
	assert_refused("more than 64 KiB");
	free(text);
}

static void refuses_a_file_that_others_can_write(void **state)
{
	static const mode_t bad[] = {0620, 0602, 0666, 0664};

	(void)state;
	put("image: x");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(chmod(path, bad[i]), 0);
		assert_refused("run 'chmod go-w /");
	}
	assert_int_equal(chmod(path, 0644), 0);
	assert_read("x");
}

static void become(uid_t uid)
{
	assert_int_equal(seteuid(uid), 0);
}

/* Only root can give files away. */
static void refuses_a_strangers_file(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	put("image: x");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chown(path, 1234, 0), 0);
	assert_refused("belongs to user 1234");
	/* To its owner it is good, and root's to anybody. */
	assert_int_equal(chmod(top, 0755), 0);
	assert_int_equal(chmod(said_path, 0666), 0);
	become(1234);
	assert_read("x");
	become(0);
	assert_int_equal(chown(path, 0, 0), 0);
	become(1234);
	assert_read("x");
	become(0);
	assert_int_equal(chmod(top, 0700), 0);
}

/* In a user namespace, with nobody mapped, everybody looks the same. */
static int read_unmapped(void)
{
	struct config c;

	if (unshare(CLONE_NEWUSER) != 0)
		return 77;
	(void)close(STDERR_FILENO);
	return (int)config_read(&c, path);
}

static void refuses_a_file_where_strangers_look_alike(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	put("image: x");
	assert_int_equal(chmod(top, 0755), 0);
	assert_int_equal(chmod(path, 0644), 0);
	pid = fork();
	if (pid == 0)
		_exit(read_unmapped());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(chmod(top, 0700), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), EXIT_USAGE);
	assert_read("x");
}

static void refuses_what_is_no_file(void **state)
{
	(void)state;
	(void)unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_refused("not a regular file");
	assert_int_equal(rmdir(path), 0);
	/* Nobody writes into it, and nobody waits. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused("not a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(said_path, path), 0);
	assert_refused("symbolic link");
	assert_int_equal(unlink(path), 0);
}

static void tells_what_cannot_be_read(void **state)
{
	char below[sizeof(path) + 8];
	struct config c;
	struct said s;

	(void)state;
	put("");
	(void)snprintf(below, sizeof(below), "%s/x", path);
	assert_int_equal(read_said(&s, &c, below), EXIT_FAILED);
	assert_non_null(strstr(s.text, "config.yaml/x: Not a directory\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_file_and_a_missing_one),
		cmocka_unit_test(says_the_path_and_the_line),
		cmocka_unit_test(names_the_forerunners_keys),
		cmocka_unit_test(refuses_a_file_over_its_bound),
		cmocka_unit_test(refuses_a_file_that_others_can_write),
		cmocka_unit_test(refuses_a_strangers_file),
		cmocka_unit_test(refuses_a_file_where_strangers_look_alike),
		cmocka_unit_test(refuses_what_is_no_file),
		cmocka_unit_test(tells_what_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
