/* SPDX-License-Identifier: MIT */
#include "tools/project/podname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEN "abcdefghij"

static void makes_a_name_of_any_folder(void **state)
{
	static const struct {
		const char *folder, *name;
	} cases[] = {
		{"shop", "tazpod-shop-0042"},
		{"my project", "tazpod-my-project-0042"},
		{"  my   project  ", "tazpod-my-project-0042"},
		{"MyProject", "tazpod-myproject-0042"},
		{"-rf", "tazpod-rf-0042"},
		{"--", "tazpod-project-0042"},
		{"", "tazpod-project-0042"},
		{".config", "tazpod-config-0042"},
		{"a.b_c", "tazpod-a-b-c-0042"},
		{"caf\u00e9", "tazpod-caf-0042"},
		{"\u00e9t\u00e9", "tazpod-t-0042"},
		{"\u65e5\u672c", "tazpod-project-0042"},
		{"\U0001f512\U0001f680", "tazpod-project-0042"},
		{"\xff\xfe", "tazpod-project-0042"},
		{"a\nb;$(c)", "tazpod-a-b-c-0042"},
		{"2048", "tazpod-2048-0042"},
		/* 51 bytes of it fit. */
		{TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN,
		 "tazpod-" TEN TEN TEN TEN TEN "a-0042"},
		{TEN TEN TEN TEN TEN "Z",
		 "tazpod-" TEN TEN TEN TEN TEN "z-0042"},
		/* Cut where a '-' would be the last. */
		{TEN TEN TEN TEN TEN " abc",
		 "tazpod-" TEN TEN TEN TEN TEN "-0042"},
	};
	char name[PODNAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		podname_make(name, cases[i].folder, 42);
		assert_string_equal(name, cases[i].name);
	}
}

static void no_byte_makes_a_bad_name(void **state)
{
	char folder[4] = "", name[PODNAME_MAX];

	(void)state;
	for (int c = 1; c < 256; c++) {
		(void)snprintf(folder, sizeof(folder), "%c%c", c, c);
		podname_make(name, folder, 9999);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz"
					      "0123456789-"),
				 strlen(name));
		assert_null(strstr(name, "--"));
	}
}

static void has_four_digits(void **state)
{
	char name[PODNAME_MAX];

	(void)state;
	podname_make(name, "a", 0);
	assert_string_equal(name, "tazpod-a-0000");
	podname_make(name, "a", 9999);
	assert_string_equal(name, "tazpod-a-9999");
	podname_make(name, "a", 12345);
	assert_string_equal(name, "tazpod-a-2345");
}

/*
 * Of 200000 draws each tenth of the range has 20000, give or take 134: an
 * honest source fails this once in 10^12 runs.  With the remainders of 16 bits
 * the lower half would have 21362 in each.
 */
static void draws_each_number_alike(void **state)
{
	enum { DRAWS = 200000, PARTS = 10, EACH = 20000, AWAY = 1000 };
	unsigned counts[PARTS] = {0}, digits = PODNAME_DIGITS;

	(void)state;
	for (int i = 0; i < DRAWS; i++) {
		assert_int_equal(podname_digits(&digits), 0);
		assert_in_range(digits, 0, PODNAME_DIGITS - 1);
		counts[digits * PARTS / PODNAME_DIGITS]++;
	}
	for (int i = 0; i < PARTS; i++)
		assert_in_range(counts[i], EACH - AWAY, EACH + AWAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_a_name_of_any_folder),
		cmocka_unit_test(no_byte_makes_a_bad_name),
		cmocka_unit_test(has_four_digits),
		cmocka_unit_test(draws_each_number_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
