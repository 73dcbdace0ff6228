/* SPDX-License-Identifier: MIT */
#include "tools/vault/statedir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of this test's own, which is $HOME and has an a/b to come. */
static char top[] = "/tmp/tazpod-statedir-XXXXXX";

static char *in_top(char buf[static PATH_MAX], const char *name)
{
	(void)snprintf(buf, PATH_MAX, "%s/%s", top, name);
	return buf;
}

static int make_top(void **state)
{
	(void)state;
	return mkdtemp(top) != NULL ? 0 : -1;
}

static int remove_top(void **state)
{
	char command[PATH_MAX];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static void is_below_the_state_home_if_that_is_absolute(void **state)
{
	char path[PATH_MAX], wanted[PATH_MAX];
	struct stat st;

	(void)state;
	assert_int_equal(setenv("XDG_STATE_HOME", in_top(wanted, "a/b"), 1), 0);
	assert_int_equal(statedir_get(path, NULL, false), -ENOENT);
	assert_int_equal(statedir_get(path, NULL, true), 0);
	assert_string_equal(path, in_top(wanted, "a/b/tazpod"));
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(lstat(in_top(wanted, "a"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(statedir_get(path, NULL, false), 0);
	assert_int_equal(statedir_get(path, NULL, true), 0);
}

static void has_folders_in_it(void **state)
{
	char path[PATH_MAX], wanted[PATH_MAX];

	(void)state;
	assert_int_equal(setenv("XDG_STATE_HOME", in_top(wanted, "c"), 1), 0);
	assert_int_equal(statedir_get(path, "rescue", false), -ENOENT);
	assert_int_equal(statedir_get(path, "rescue", true), 0);
	assert_string_equal(path, in_top(wanted, "c/tazpod/rescue"));
	/* What is open to others above it counts as well. */
	assert_int_equal(chmod(in_top(wanted, "c/tazpod"), 0755), 0);
	assert_int_equal(statedir_get(path, "rescue", true), -EPERM);
}

static void knows_what_is_in_it(void **state)
{
	char path[PATH_MAX], home[PATH_MAX], file[PATH_MAX + 16];

	(void)state;
	assert_int_equal(setenv("XDG_STATE_HOME", in_top(home, "holds"), 1), 0);
	assert_false(statedir_holds(in_top(file, "holds/tazpod/rescue/x"),
				    "rescue"));
	assert_int_equal(statedir_get(path, "rescue", true), 0);
	assert_true(statedir_holds(in_top(file, "holds/tazpod/rescue/x"),
				   "rescue"));
	assert_false(statedir_holds(in_top(file, "holds/tazpod/rescue/x/y"),
				    "rescue"));
	assert_false(statedir_holds(in_top(file, "holds/tazpod/rescue2/x"),
				    "rescue"));
	assert_false(statedir_holds(in_top(file, "holds/tazpod/x"), "rescue"));
	assert_false(statedir_holds("x", "rescue"));
}

static void is_elsewhere_without_a_state_home(void **state)
{
	char path[PATH_MAX], wanted[PATH_MAX];

	(void)state;
	assert_int_equal(setenv("HOME", in_top(wanted, "home"), 1), 0);
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
		else
			assert_int_equal(setenv("XDG_STATE_HOME", "x/y", 1), 0);
		/* It may not be there; where it would be is said anyhow. */
		(void)statedir_get(path, NULL, false);
		assert_string_equal(
			path,
			geteuid() == 0
				? "/var/lib/tazpod"
				: in_top(wanted, "home/.local/state/tazpod"));
	}
}

/* XDG_STATE_HOME is name in top, where make() makes something. */
static void refuses(int (*make)(const char *path), const char *name, int err)
{
	char path[PATH_MAX], home[PATH_MAX], folder[PATH_MAX + 16];

	assert_int_equal(setenv("XDG_STATE_HOME", in_top(home, name), 1), 0);
	assert_int_equal(mkdir(home, 0700), 0);
	(void)snprintf(folder, sizeof(folder), "%s/tazpod", home);
	assert_int_equal(make(folder), 0);
	assert_int_equal(statedir_get(path, NULL, true), err);
	assert_int_equal(statedir_get(path, NULL, false), err);
}

static int make_open(const char *path)
{
	return mkdir(path, 0700) == 0 ? chmod(path, 0750) : -1;
}

static int make_link(const char *path)
{
	return symlink(top, path);
}

static int make_file(const char *path)
{
	return mknod(path, S_IFREG | 0600, 0);
}

static int make_foreign(const char *path)
{
	return mkdir(path, 0700) == 0 ? chown(path, 65534, 65534) : -1;
}

static void refuses_what_is_not_the_users_alone(void **state)
{
	(void)state;
	refuses(make_open, "open", -EPERM);
	refuses(make_link, "link", -EPERM);
	refuses(make_file, "file", -EPERM);
	if (geteuid() == 0)
		refuses(make_foreign, "foreign", -EPERM);
}

static void tells_what_cannot_be_made(void **state)
{
	char path[PATH_MAX], home[PATH_MAX], *longest;

	(void)state;
	assert_int_equal(make_file(in_top(home, "plain")), 0);
	assert_int_equal(setenv("XDG_STATE_HOME", in_top(home, "plain/x"), 1),
			 0);
	assert_int_equal(statedir_get(path, NULL, true), -ENOTDIR);
	longest = malloc(PATH_MAX);
	assert_non_null(longest);
	memset(longest, '/', PATH_MAX);
	longest[PATH_MAX - 1] = '\0';
	assert_int_equal(setenv("XDG_STATE_HOME", longest, 1), 0);
	assert_int_equal(statedir_get(path, NULL, true), -ENAMETOOLONG);
	free(longest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_below_the_state_home_if_that_is_absolute),
		cmocka_unit_test(has_folders_in_it),
		cmocka_unit_test(knows_what_is_in_it),
		cmocka_unit_test(is_elsewhere_without_a_state_home),
		cmocka_unit_test(refuses_what_is_not_the_users_alone),
		cmocka_unit_test(tells_what_cannot_be_made),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
