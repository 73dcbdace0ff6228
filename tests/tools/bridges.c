/* SPDX-License-Identifier: MIT */
/* Bridges and memory: whatever is in the way, and wherever it was cut off,
 * nothing of the home is lost. */
#include "tools/project/bridges.h"

#include "tools/msg.h"
#include "tools/project/memory.h"

#include <fcntl.h>
#include <limits.h>
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

static char top[] = "/tmp/tazpod-bridges.XXXXXX";
static char home[PATH_MAX], vault[PATH_MAX], project[PATH_MAX];

/* printf(3) into a buffer that lasts until the next but three. */
__attribute__((format(printf, 1, 2))) static const char *
path(const char *format, ...)
{
	static char bufs[4][PATH_MAX];
	static unsigned next;
	char *buf = bufs[next++ % 4];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(buf, PATH_MAX, format, ap);
	va_end(ap);
	return buf;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void assert_file(const char *name, const char *text)
{
	char buf[256] = "";
	FILE *f = fopen(name, "r");

	if (f == NULL)
		fail_msg("%s is not there", name);
	else
		(void)!fread(buf, 1, sizeof(buf) - 1, f);
	if (f != NULL)
		(void)fclose(f);
	assert_string_equal(buf, text);
}

static void assert_link(const char *name, const char *target)
{
	char buf[PATH_MAX] = "";

	assert_true(readlink(name, buf, sizeof(buf) - 1) > 0);
	assert_string_equal(buf, target);
}

static void assert_nothing(const char *name)
{
	struct stat st;

	assert_int_not_equal(lstat(name, &st), 0);
}

static void make(const char *name)
{
	assert_int_equal(mkdir(name, 0700), 0);
}

static int set_up(void **state)
{
	(void)state;
	(void)strcpy(top + strlen(top) - 6, "XXXXXX");
	assert_non_null(mkdtemp(top));
	(void)snprintf(home, sizeof(home), "%s/home", top);
	(void)snprintf(vault, sizeof(vault), "%s/vault", top);
	(void)snprintf(project, sizeof(project), "%s/project", top);
	make(home);
	make(vault);
	make(project);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return system(path("rm -rf '%s'", top)); /* NOLINT(cert-env33-c) */
}

static char *const one[] = {(char[]){".aws"}, NULL};

static const struct bridges_place place = {
	.home = home, .mount = vault, .names = one};

static struct bridges *put(void)
{
	struct bridges *b = NULL;

	assert_int_equal(bridges_put(&b, &place), 0);
	assert_non_null(b);
	return b;
}

/* A home with a folder of its own, and a vault with another. */
static void fill(void)
{
	make(path("%s/.aws", home));
	write_file(path("%s/.aws/config", home), "own");
	make(path("%s/.aws", vault));
	write_file(path("%s/.aws/config", vault), "vault");
}

static void assert_put(void)
{
	assert_link(path("%s/.aws", home), path("%s/.aws", vault));
	assert_file(path("%s/.aws.tazpod-aside/config", home), "own");
}

static void assert_back(void)
{
	struct stat st;

	assert_int_equal(lstat(path("%s/.aws", home), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_file(path("%s/.aws/config", home), "own");
	assert_file(path("%s/.aws/config", vault), "vault");
	assert_nothing(path("%s/.aws.tazpod-aside", home));
}

static void test_put_and_removed(void **state)
{
	struct bridges *b;

	(void)state;
	fill();
	b = put();
	assert_put();
	bridges_remove(b);
	assert_back();
	bridges_remove(NULL);
}

static void test_put_twice(void **state)
{
	struct bridges *first, *second;

	(void)state;
	fill();
	first = put();
	second = put();
	assert_put();
	bridges_remove(first);
	assert_back();
	bridges_remove(second);
	assert_back();
}

/* The process has gone: what it had put is put right from the names alone. */
static void test_mended(void **state)
{
	struct bridges *b;

	(void)state;
	fill();
	b = put();
	bridges_mend(&place);
	assert_back();
	bridges_mend(&place);
	assert_back();
	/* It comes last, and finds nothing more to do. */
	bridges_remove(b);
	assert_back();
}

static void test_cut_off_between_the_two(void **state)
{
	(void)state;
	fill();
	assert_int_equal(rename(path("%s/.aws", home),
				path("%s/.aws.tazpod-aside", home)),
			 0);
	bridges_mend(&place);
	assert_back();
	/* The same, and then it is unlocked again. */
	assert_int_equal(rename(path("%s/.aws", home),
				path("%s/.aws.tazpod-aside", home)),
			 0);
	bridges_remove(put());
	assert_back();
}

static void test_something_new_in_its_place(void **state)
{
	struct bridges *b;

	(void)state;
	fill();
	b = put();
	assert_int_equal(unlink(path("%s/.aws", home)), 0);
	make(path("%s/.aws", home));
	write_file(path("%s/.aws/new", home), "new");
	bridges_remove(b);
	assert_file(path("%s/.aws/new", home), "new");
	assert_file(path("%s/.aws.tazpod-aside/config", home), "own");
	bridges_mend(&place);
	assert_file(path("%s/.aws/new", home), "new");
	assert_file(path("%s/.aws.tazpod-aside/config", home), "own");
}

static void test_both_are_there_before(void **state)
{
	struct bridges *b;

	(void)state;
	fill();
	write_file(path("%s/.aws.tazpod-aside", home), "older");
	b = put();
	assert_file(path("%s/.aws/config", home), "own");
	assert_file(path("%s/.aws.tazpod-aside", home), "older");
	bridges_remove(b);
	assert_file(path("%s/.aws/config", home), "own");
	assert_file(path("%s/.aws.tazpod-aside", home), "older");
}

static void test_others_are_put_aside(void **state)
{
	(void)state;
	make(path("%s/.aws", vault));
	assert_int_equal(symlink("/nowhere", path("%s/.aws", home)), 0);
	struct bridges *b = put();

	assert_link(path("%s/.aws", home), path("%s/.aws", vault));
	bridges_remove(b);
	assert_link(path("%s/.aws", home), "/nowhere");
	assert_int_equal(unlink(path("%s/.aws", home)), 0);
	write_file(path("%s/.aws", home), "file");
	bridges_remove(put());
	assert_file(path("%s/.aws", home), "file");
}

/* Where a rename could overwrite, as that of a file can. */
static void test_files_are_not_overwritten(void **state)
{
	struct bridges *b;

	(void)state;
	write_file(path("%s/.aws", vault), "vault");
	write_file(path("%s/.aws", home), "own");
	b = put();
	assert_file(path("%s/.aws", home), "vault");
	assert_int_equal(unlink(path("%s/.aws", home)), 0);
	write_file(path("%s/.aws", home), "new");
	bridges_remove(b);
	assert_file(path("%s/.aws", home), "new");
	assert_file(path("%s/.aws.tazpod-aside", home), "own");
	bridges_remove(put());
	assert_file(path("%s/.aws", home), "new");
	assert_file(path("%s/.aws.tazpod-aside", home), "own");
}

static void test_what_neither_has_is_made(void **state)
{
	struct bridges *b;
	struct stat st;

	(void)state;
	b = put();
	assert_int_equal(stat(path("%s/.aws", vault), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_link(path("%s/.aws", home), path("%s/.aws", vault));
	bridges_remove(b);
	assert_nothing(path("%s/.aws", home));
	assert_int_equal(stat(path("%s/.aws", vault), &st), 0);
}

static void test_what_only_the_home_has_stays(void **state)
{
	(void)state;
	make(path("%s/.aws", home));
	bridges_remove(put());
	assert_nothing(path("%s/.aws", vault));
	assert_int_equal(rmdir(path("%s/.aws", home)), 0);
}

static void test_links_on_the_way(void **state)
{
	char *const names[] = {(char[]){".config/gcloud"}, NULL};
	const struct bridges_place deep = {
		.home = home, .mount = vault, .names = names};
	struct bridges *b = NULL;

	(void)state;
	make(path("%s/elsewhere", top));
	assert_int_equal(
		symlink(path("%s/elsewhere", top), path("%s/.config", home)),
		0);
	assert_int_equal(bridges_put(&b, &deep), 0);
	bridges_remove(b);
	assert_int_equal(rmdir(path("%s/elsewhere", top)), 0);
	assert_int_equal(unlink(path("%s/.config", home)), 0);
	/* And in the vault. */
	make(path("%s/elsewhere", top));
	assert_int_equal(
		symlink(path("%s/elsewhere", top), path("%s/.config", vault)),
		0);
	assert_int_equal(bridges_put(&b, &deep), 0);
	assert_nothing(path("%s/.config/gcloud", home));
	bridges_remove(b);
	assert_int_equal(rmdir(path("%s/elsewhere", top)), 0);
}

/* Also of those that do not lead out of the home, or the vault. */
static void test_relative_links(void **state)
{
	char *const names[] = {(char[]){".config/gcloud"}, (char[]){".aws"},
			       NULL};
	const struct bridges_place both = {
		.home = home, .mount = vault, .names = names};
	struct bridges *b = NULL;

	(void)state;
	make(path("%s/real", home));
	assert_int_equal(symlink("real", path("%s/.config", home)), 0);
	make(path("%s/other", vault));
	assert_int_equal(symlink("other", path("%s/.aws", vault)), 0);
	assert_int_equal(bridges_put(&b, &both), 0);
	assert_nothing(path("%s/real/gcloud", home));
	bridges_remove(b);
	assert_int_equal(rmdir(path("%s/real", home)), 0);
	assert_nothing(path("%s/.aws", home));
	b = put();
	assert_nothing(path("%s/.aws", home));
	bridges_remove(b);
}

static void test_deep_names(void **state)
{
	char *const names[] = {(char[]){".config/a b/c"}, NULL};
	const struct bridges_place deep = {
		.home = home, .mount = vault, .names = names};
	struct bridges *b = NULL;

	(void)state;
	assert_int_equal(bridges_put(&b, &deep), 0);
	assert_link(path("%s/.config/a b/c", home),
		    path("%s/.config/a b/c", vault));
	bridges_remove(b);
	assert_nothing(path("%s/.config/a b/c", home));
}

/* What cannot be done for one is done for the others. */
static void test_one_of_several(void **state)
{
	char *const names[] = {(char[]){".bad"}, (char[]){".good"}, NULL};
	const struct bridges_place several = {
		.home = home, .mount = vault, .names = names};
	struct bridges *b = NULL;

	(void)state;
	make(path("%s/.bad", home));
	assert_int_equal(bridges_put(&b, &several), 0);
	assert_link(path("%s/.good", home), path("%s/.good", vault));
	bridges_remove(b);
	assert_nothing(path("%s/.good", home));
	assert_int_equal(rmdir(path("%s/.bad", home)), 0);
}

static void test_memory_moves_in_once(void **state)
{
	(void)state;
	make(path("%s/.aws", home));
	write_file(path("%s/.aws/notes", home), "before");
	memory_link(project, home, one);
	assert_link(path("%s/.aws", home), path("%s/.aws", project));
	assert_file(path("%s/.aws/notes", project), "before");
	assert_nothing(path("%s/.aws.tazpod-aside", home));
	memory_link(project, home, one);
	assert_file(path("%s/.aws/notes", home), "before");
}

static void test_memory_is_not_overwritten(void **state)
{
	(void)state;
	make(path("%s/.aws", project));
	write_file(path("%s/.aws/notes", project), "kept");
	make(path("%s/.aws", home));
	write_file(path("%s/.aws/notes", home), "new");
	memory_link(project, home, one);
	assert_file(path("%s/.aws/notes", home), "kept");
	assert_file(path("%s/.aws.tazpod-aside/notes", home), "new");
	/* Another one: there is no room for it aside. */
	assert_int_equal(unlink(path("%s/.aws", home)), 0);
	make(path("%s/.aws", home));
	write_file(path("%s/.aws/notes", home), "third");
	memory_link(project, home, one);
	assert_file(path("%s/.aws/notes", home), "third");
	assert_file(path("%s/.aws/notes", project), "kept");
	assert_file(path("%s/.aws.tazpod-aside/notes", home), "new");
}

static void test_memory_is_made(void **state)
{
	struct stat st;

	(void)state;
	memory_link(project, home, one);
	assert_link(path("%s/.aws", home), path("%s/.aws", project));
	assert_int_equal(rmdir(path("%s/.aws", project)), 0);
	/* The project has been cleaned, and the link is still there. */
	memory_link(project, home, one);
	assert_int_equal(stat(path("%s/.aws", home), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
}

static void test_memory_takes_folders_alone(void **state)
{
	(void)state;
	write_file(path("%s/.aws", home), "file");
	memory_link(project, home, one);
	assert_file(path("%s/.aws", home), "file");
	assert_int_equal(unlink(path("%s/.aws", home)), 0);
	assert_int_equal(symlink("/nowhere", path("%s/.aws", home)), 0);
	memory_link(project, home, one);
	assert_link(path("%s/.aws", home), "/nowhere");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_put_and_removed),
		TEST(test_put_twice),
		TEST(test_mended),
		TEST(test_cut_off_between_the_two),
		TEST(test_something_new_in_its_place),
		TEST(test_both_are_there_before),
		TEST(test_others_are_put_aside),
		TEST(test_files_are_not_overwritten),
		TEST(test_what_neither_has_is_made),
		TEST(test_what_only_the_home_has_stays),
		TEST(test_links_on_the_way),
		TEST(test_relative_links),
		TEST(test_deep_names),
		TEST(test_one_of_several),
		TEST(test_memory_moves_in_once),
		TEST(test_memory_is_not_overwritten),
		TEST(test_memory_is_made),
		TEST(test_memory_takes_folders_alone),
	};

	msg_program("bridges");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
