/* SPDX-License-Identifier: MIT */
#include "tools/project/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct yaml_node *read_good(const char *text)
{
	struct yaml_node *root = NULL;
	struct yaml_error e = {0};

	if (yaml_read(&root, text, strlen(text), &e) != 0)
		fail_msg("%u:%u: %s", e.line, e.column, e.what);
	return root;
}

static void reads_a_tree_in_order(void **state)
{
	struct yaml_node *root = read_good("# first\n"
					   "b: text\n"
					   "a: ['x y', 2]\n"
					   "c:\n"
					   "  d: |\n"
					   "    one\n"
					   "    two\n"
					   "  \"e\": \n");
	const struct yaml_node *n = root->first;

	(void)state;
	assert_int_equal(root->kind, YAML_MAPPING);
	assert_string_equal(n->key->text, "b");
	assert_string_equal(n->text, "text");
	assert_int_equal(n->len, 4);
	assert_true(n->is_plain);
	assert_int_equal(n->line, 2);
	assert_int_equal(n->column, 4);
	assert_int_equal(n->key->column, 1);
	n = n->next;
	assert_string_equal(n->key->text, "a");
	assert_int_equal(n->kind, YAML_SEQUENCE);
	assert_string_equal(n->first->text, "x y");
	assert_false(n->first->is_plain);
	assert_null(n->first->key);
	assert_string_equal(n->first->next->text, "2");
	assert_null(n->first->next->next);
	n = n->next;
	assert_null(n->next);
	assert_string_equal(yaml_get(n, "d")->text, "one\ntwo\n");
	assert_true(yaml_is_null(yaml_get(n, "e")));
	assert_null(yaml_get(n, "f"));
	assert_null(yaml_get(n->first, "d"));
	yaml_tree_free(root);
}

static void nothing_is_an_empty_mapping(void **state)
{
	static const char *const texts[] = {"",	    "\n\n",	"# nothing\n",
					    "---",  "---\n...", "~",
					    "null", "{}",	"\xef\xbb\xbf"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct yaml_node *root = read_good(texts[i]);

		assert_int_equal(root->kind, YAML_MAPPING);
		assert_null(root->first);
		yaml_tree_free(root);
	}
}

static void knows_true_false_and_null(void **state)
{
	struct yaml_node *root = read_good("[true, false, yes, 'true', True, "
					   "[true], null, ~, '', 'null']");
	const struct yaml_node *n = root->first;
	bool b = false;

	(void)state;
	assert_int_equal(yaml_bool(&b, n), 0);
	assert_true(b);
	n = n->next;
	assert_int_equal(yaml_bool(&b, n), 0);
	assert_false(b);
	b = true;
	for (int i = 0; i < 4; i++) {
		n = n->next;
		assert_int_equal(yaml_bool(&b, n), -EINVAL);
		assert_false(yaml_is_null(n));
	}
	assert_true(b);
	n = n->next;
	assert_true(yaml_is_null(n));
	n = n->next;
	assert_true(yaml_is_null(n));
	n = n->next;
	assert_false(yaml_is_null(n));
	n = n->next;
	assert_false(yaml_is_null(n));
	yaml_tree_free(root);
}

/* Of each: the line and a part of what is said. */
static void refuses_with_the_line(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *what;
	} cases[] = {
		{"a: 1\nb: 2\na: 3\n", 3,
		 "'a' is there twice, first in line 1"},
		{"a: 1\n'a': 3\n", 2, "twice"},
		{"x:\n  a: 1\n  a: 1\n", 3, "twice"},
		{"a: &x 1\n", 1, "anchors"},
		{"a: &x [1]\n", 1, "anchors"},
		{"a: &x {b: 1}\n", 1, "anchors"},
		{"&x a: 1\n", 1, "anchors"},
		{"a: 1\nb: *a\n", 2, "aliases"},
		{"*a : 1\n", 1, "aliases"},
		{"a: !!str 1\n", 1, "tags"},
		{"a: !x [1]\n", 1, "tags"},
		{"a: ! 1\n", 1, "tags"},
		{"--- !!map\na: 1\n", 1, "tags"},
		{"%YAML 1.1\n---\na: 1\n", 1, "directives"},
		{"%TAG ! tag:x,2000:\n---\na: 1\n", 1, "directives"},
		{"a: 1\n---\nb: 1\n", 2, "more than one document"},
		{"? [a]\n: 1\n", 1, "a key cannot be a list"},
		{"a: 1\n? {a: 1}\n: 1\n", 2, "a key cannot be a mapping"},
		{"a: 1\nb: \"\\0\"\n", 2, "NUL"},
		{"a: 1\n\"b\\0\": 1\n", 2, "NUL"},
		{"a: 1\nb:\t- c\n", 2, ""},
		{"a: [1, 2\n", 2, ""},
		{"a: 'x\n", 2, ""},
		{"a: 1\n b: 2\n", 2, ""},
		{"a: 1\nb: \xff\n", 2, "UTF-8"},
		{"a: 1\nb: \xc0\x80\n", 2, "UTF-8"},
		{"a: 1\nb: \xed\xa0\x80\n", 2, "Unicode"},
		{"a: 1\nb: \x1b[0m\n", 2, "control characters"},
		{"a: \"\\ud800\"\n", 1, "Unicode"},
		{"\xff\xfe"
		 "a: 1\n",
		 1, "UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct yaml_node *root = NULL;
		struct yaml_error e = {0};

		if (yaml_read(&root, cases[i].text, strlen(cases[i].text),
			      &e) != -EINVAL)
			fail_msg("taken: %s", cases[i].text);
		assert_null(root);
		if (e.line != cases[i].line || e.column == 0 ||
		    e.what[0] == '\0' || strstr(e.what, cases[i].what) == NULL)
			fail_msg("of %s: %u:%u: %s", cases[i].text, e.line,
				 e.column, e.what);
	}
}

static void refuses_a_raw_nul(void **state)
{
	static const char text[] = "a: 1\nb: x\0y\n";
	struct yaml_node *root = NULL;
	struct yaml_error e = {0};

	(void)state;
	assert_int_equal(yaml_read(&root, text, sizeof(text) - 1, &e), -EINVAL);
	assert_int_equal(e.line, 2);
	assert_null(root);
}

/* The text of count times piece must be taken, and with one more be refused. */
static void check_bound(const char *piece, size_t count, const char *what)
{
	size_t len = strlen(piece);
	struct yaml_node *root = NULL;
	struct yaml_error e = {0};
	char *text = malloc((count + 1) * len);

	assert_non_null(text);
	for (size_t i = 0; i <= count; i++)
		memcpy(text + i * len, piece, len);
	if (yaml_read(&root, text, count * len, &e) != 0)
		fail_msg("%u:%u: %s", e.line, e.column, e.what);
	yaml_tree_free(root);
	root = NULL;
	assert_int_equal(yaml_read(&root, text, (count + 1) * len, &e),
			 -EINVAL);
	assert_null(root);
	assert_non_null(strstr(e.what, what));
	free(text);
}

static void has_bounds(void **state)
{
	(void)state;
	check_bound("#", YAML_INPUT_MAX, "64 KiB");
	/* The list is one as well. */
	check_bound("- a\n", YAML_NODES_MAX - 1, "keys and values");
	/* "- - - ..." with nothing at the end, which is a scalar. */
	check_bound("- ", YAML_DEPTH_MAX, "deep");
}

static void a_bomb_of_brackets_is_refused_at_once(void **state)
{
	char *text = malloc(YAML_INPUT_MAX);
	struct yaml_node *root = NULL;
	struct yaml_error e = {0};

	(void)state;
	assert_non_null(text);
	memset(text, '[', YAML_INPUT_MAX);
	assert_int_equal(yaml_read(&root, text, YAML_INPUT_MAX, &e), -EINVAL);
	memset(text, '{', YAML_INPUT_MAX);
	assert_int_equal(yaml_read(&root, text, YAML_INPUT_MAX, &e), -EINVAL);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_tree_in_order),
		cmocka_unit_test(nothing_is_an_empty_mapping),
		cmocka_unit_test(knows_true_false_and_null),
		cmocka_unit_test(refuses_with_the_line),
		cmocka_unit_test(refuses_a_raw_nul),
		cmocka_unit_test(has_bounds),
		cmocka_unit_test(a_bomb_of_brackets_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
