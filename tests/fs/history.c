/* SPDX-License-Identifier: MIT */
#include "fs/history.h"
#include "common.h"
#include "files.h"

#include <errno.h>
#include <time.h>

static const struct history_policy always = {.keep = 3};

static void put(struct store *s, const char *text)
{
	const struct blob b = {(uint8_t *)(uintptr_t)text, strlen(text)};

	assert_int_equal(store_save(s, &b), 0);
}

static struct store *opened(void)
{
	struct store *s = NULL;

	assert_int_equal(store_open(&s, in_folder("v")), 0);
	return s;
}

static void assert_holds(struct store *s, uint64_t number, const char *text)
{
	struct blob b = {0};

	assert_int_equal(history_load(&b, s, number, 100), 0);
	assert_int_equal(b.len, strlen(text));
	assert_same_bytes(b.data, text, b.len);
	blob_free(&b);
}

static size_t count_of(const struct store *s)
{
	struct generation *g = NULL;
	size_t count = 0;

	assert_int_equal(history_list(&g, &count, s), 0);
	for (size_t i = 1; i < count; i++)
		assert_true(g[i - 1].number < g[i].number);
	assert_true((g == NULL) == (count == 0));
	free(g);
	return count;
}

static void what_is_replaced_is_kept_under_its_number(void **state)
{
	struct store *s;

	(void)state;
	write_file("v", "one", 3);
	s = opened();
	assert_int_equal(count_of(s), 0);
	assert_int_equal(history_keep(s, &always, 1), 0);
	put(s, "two");
	assert_int_equal(history_keep(s, &always, 2), 0);
	put(s, "three");
	assert_int_equal(count_of(s), 2);
	assert_holds(s, 1, "one");
	assert_holds(s, 2, "two");
	assert_true(exists("v.~1~"));
	store_close(s);
}

static void the_oldest_go(void **state)
{
	struct store *s;

	(void)state;
	write_file("v", "0", 1);
	s = opened();
	for (unsigned i = 8; i < 13; i++) {
		const char text[] = {(char)('a' + (char)i), '\0'};

		assert_int_equal(history_keep(s, &always, i), 0);
		put(s, text);
	}
	assert_int_equal(count_of(s), 3);
	assert_false(exists("v.~9~"));
	/* By number, not by name. */
	assert_true(exists("v.~10~") && exists("v.~11~") && exists("v.~12~"));
	store_close(s);
}

/* Saves that fail must not push the older ones out with copies of one. */
static void what_is_kept_already_is_not_kept_again(void **state)
{
	struct store *s;

	(void)state;
	write_file("v", "one", 3);
	s = opened();
	assert_int_equal(history_keep(s, &always, 1), 0);
	put(s, "two");
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(history_keep(s, &always, 2), 0);
	assert_int_equal(count_of(s), 2);
	assert_holds(s, 1, "one");
	assert_holds(s, 2, "two");
	store_close(s);
}

static void not_more_often_than_asked(void **state)
{
	const struct history_policy hourly = {.keep = 3, .seconds = 3600};
	struct store *s;

	(void)state;
	write_file("v", "one", 3);
	s = opened();
	assert_int_equal(history_keep(s, &hourly, 1), 0);
	put(s, "two");
	assert_int_equal(history_keep(s, &hourly, 2), 0);
	put(s, "three");
	assert_int_equal(count_of(s), 1);
	store_close(s);
	/* Nor after the next start. */
	s = opened();
	assert_int_equal(history_keep(s, &hourly, 3), 0);
	assert_int_equal(count_of(s), 1);
	assert_int_equal(history_keep(s, &always, 3), 0);
	assert_int_equal(count_of(s), 2);
	store_close(s);
}

static void a_number_that_is_missing_or_taken_is_replaced(void **state)
{
	struct store *s;

	(void)state;
	write_file("v", "one", 3);
	write_file("v.~7~", "seven", 5);
	s = opened();
	assert_int_equal(history_keep(s, &always, 0), 0);
	put(s, "two");
	assert_holds(s, 8, "one");
	assert_int_equal(history_keep(s, &always, 7), 0);
	assert_holds(s, 7, "seven");
	assert_holds(s, 9, "two");
	store_close(s);
}

static void names_of_others_are_left_alone(void **state)
{
	static const char *const names[] = {
		"v.~0~",     "v.~01~",
		"v.~1",	     "v.~~",
		"v.~1~.bak", "w.~1~",
		"v~1~",	     "v.~-1~",
		"v.~1x~",    "v.~99999999999999999999~",
	};
	struct store *s;

	(void)state;
	write_file("v", "one", 3);
	for (size_t i = 0; i < COUNT(names); i++)
		write_file(names[i], "x", 1);
	assert_int_equal(mkdir(in_folder("v.~3~"), 0700), 0);
	assert_int_equal(symlink("v", in_folder("v.~4~")), 0);
	s = opened();
	assert_int_equal(count_of(s), 0);
	for (unsigned i = 10; i < 20; i++) {
		assert_int_equal(history_keep(s, &always, i), 0);
		put(s, "two");
	}
	for (size_t i = 0; i < COUNT(names); i++)
		assert_true(exists(names[i]));
	assert_int_equal(count_of(s), 3);
	store_close(s);
}

static void keeping_none_removes_none(void **state)
{
	const struct history_policy none = {0};
	struct store *s;

	(void)state;
	write_file("v", "one", 3);
	s = opened();
	assert_int_equal(history_keep(s, &always, 1), 0);
	assert_int_equal(history_keep(s, &none, 2), 0);
	assert_int_equal(count_of(s), 1);
	store_close(s);
}

static void a_stranger_s_file_is_not_kept(void **state)
{
	struct store *s;
	struct blob b = {0};

	(void)state;
	write_file("v", "one", 3);
	s = opened();
	assert_int_equal(store_load(&b, s, 100), 0);
	blob_free(&b);
	write_file("other", "other's", 7);
	assert_int_equal(rename(in_folder("other"), in_folder("v")), 0);
	assert_int_equal(history_keep(s, &always, 1), -ESTALE);
	assert_int_equal(count_of(s), 0);
	assert_int_equal(unlink(in_folder("v")), 0);
	assert_int_equal(history_keep(s, &always, 1), -ENOENT);
	store_close(s);
}

static void what_is_not_there_is_not_loaded(void **state)
{
	struct store *s;
	struct blob b = {0};

	(void)state;
	write_file("v", "one", 3);
	write_file("v.~1~", "older", 5);
	s = opened();
	assert_int_equal(history_load(&b, s, 2, 100), -ENOENT);
	assert_int_equal(history_load(&b, s, 1, 4), -EFBIG);
	assert_null(b.data);
	store_close(s);
}

#define in_new_folder(f)                                                       \
	cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_new_folder(what_is_replaced_is_kept_under_its_number),
		in_new_folder(the_oldest_go),
		in_new_folder(what_is_kept_already_is_not_kept_again),
		in_new_folder(not_more_often_than_asked),
		in_new_folder(a_number_that_is_missing_or_taken_is_replaced),
		in_new_folder(names_of_others_are_left_alone),
		in_new_folder(keeping_none_removes_none),
		in_new_folder(a_stranger_s_file_is_not_kept),
		in_new_folder(what_is_not_there_is_not_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
