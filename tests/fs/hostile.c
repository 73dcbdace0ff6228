/* SPDX-License-Identifier: MIT */
/* Archives that want to do harm: names, links, types and duplicates. */
#include "common.h"
#include "counting_mem.h"
#include "headers.h"

static struct tar_report report;

static void end(struct tree *t)
{
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

/* Load items; *ret is the tree, however far it got. */
static int load_items(struct tree **ret, const struct item *items)
{
	struct bytes b = archive_of(items);
	int err;

	*ret = tree_of(MIB, 100);
	err = tar_load(*ret, source_of(&b), &report);
	bytes_free(&b);
	return err;
}

static struct tree *loaded(const struct item *items)
{
	struct tree *t;
	int err = load_items(&t, items);

	if (err != 0)
		fail_msg("%d: %s", err, report.problem);
	assert_sound(t);
	return t;
}

/* What a terminal is shown must be harmless, whatever the name. */
static void assert_printable(const char *s)
{
	assert_int_not_equal(*s, '\0');
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0))
			fail_msg("byte %02x in what is to be printed", c);
	}
}

static void names_that_no_honest_writer_makes_are_refused(void **state)
{
	static const char *const names[] = {
		"../x",	  "..",	  "a/../../x", "a/..",
		"./../x", "/abs", "/",	       "//",
		"//a",	  "a//b", "d/../x",    "a/b/../../../../etc/passwd",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct item items[] = {{.name = "good", .data = "good"},
					     {.name = names[i], .data = "evil"},
					     {0}};
		struct tree *t;

		if (load_items(&t, items) != -EBADMSG)
			fail_msg("%s was taken", names[i]);
		if (strstr(report.problem, names[i]) == NULL)
			fail_msg("%s: problem '%s'", names[i], report.problem);
		assert_printable(report.problem);
		end(t);
	}
}

static void folders_with_such_names_are_refused_too(void **state)
{
	static const char *const names[] = {"../", "a/../", "/", "a//"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct item items[] = {{.name = names[i], .type = '5'},
					     {0}};
		struct tree *t;

		assert_int_equal(load_items(&t, items), -EBADMSG);
		assert_printable(report.problem);
		end(t);
	}
}

static void a_name_may_come_in_a_pax_record_and_is_judged_there(void **state)
{
	static const char *const names[] = {"../x", "/abs", "a//b",
					    "a/../../x"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct bytes b = {0};

		add_text_record(&b, "path", names[i]);
		add_item(&b, &(struct item){.name = "harmless"});
		add_end(&b);
		assert_int_equal(load_error_of(&b, &report), -EBADMSG);
		assert_non_null(strstr(report.problem, names[i]));
		bytes_free(&b);
	}
}

static void an_empty_name_is_refused(void **state)
{
	const struct item items[] = {{.name = "", .data = "x"}, {0}};
	struct tree *t;

	(void)state;
	assert_int_equal(load_items(&t, items), -EBADMSG);
	assert_printable(report.problem);
	end(t);
}

static void
a_component_of_256_bytes_is_refused_and_one_of_255_taken(void **state)
{
	char name[600];

	(void)state;
	for (size_t len = 255; len <= 256; len++) {
		for (size_t before = 0; before <= 300; before += 100) {
			struct bytes b = {0};

			memset(name, 'a', sizeof(name));
			if (before > 0)
				memcpy(name + before - 2, "/", 1);
			if (before == 300)
				memcpy(name + 100, "/", 1);
			/* The last component, of len bytes. */
			name[(before > 0 ? before - 1 : 0) + len] = '\0';
			add_text_record(&b, "path", name);
			add_item(&b, &(struct item){.name = "x"});
			add_end(&b);
			assert_int_equal(load_error_of(&b, &report),
					 len == 255 ? 0 : -EBADMSG);
			bytes_free(&b);
		}
	}
}

static void a_name_deeper_than_a_tree_may_be_is_refused(void **state)
{
	static char name[(TREE_DEPTH_MAX + 2) * 2 + 1];
	struct bytes b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = i % 2 == 0 ? 'a' : '/';
	name[sizeof(name) - 2] = '\0';
	add_text_record(&b, "path", name);
	add_item(&b, &(struct item){.name = "x"});
	add_end(&b);
	assert_int_not_equal(load_error_of(&b, &report), 0);
	bytes_free(&b);
}

static void nothing_lies_in_what_is_no_folder(void **state)
{
	const struct item file[] = {
		{.name = "a", .data = "x"}, {.name = "a/b", .data = "y"}, {0}};
	const struct item link[] = {{.name = "d", .type = '5'},
				    {.name = "l", .type = '2', .link = "d"},
				    {.name = "l/b", .data = "y"},
				    {0}};
	const struct item out[] = {{.name = "l", .type = '2', .link = "/tmp"},
				   {.name = "l/b/c", .data = "y"},
				   {0}};
	const struct item *const all[] = {file, link, out};

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		struct tree *t;

		assert_int_equal(load_items(&t, all[i]), -EBADMSG);
		assert_printable(report.problem);
		end(t);
	}
}

static void folders_that_no_entry_names_are_made(void **state)
{
	const struct item items[] = {{.name = "a/./b/c", .data = "x"}, {0}};
	struct tree *t = loaded(items);

	(void)state;
	assert_text(at_path(t, "a/b/c"), "x");
	assert_int_equal(at_path(t, "a/b")->attr.mode, S_IFDIR | 0700);
	end(t);
}

static void the_last_of_two_entries_of_one_name_wins(void **state)
{
	const struct item files[] = {{.name = "a", .data = "first"},
				     {.name = "./a", .data = "2"},
				     {0}};
	const struct item link[] = {{.name = "a", .data = "first"},
				    {.name = "a", .type = '2', .link = "x"},
				    {0}};
	const struct item back[] = {{.name = "a", .type = '2', .link = "x"},
				    {.name = "a", .data = "2"},
				    {0}};
	struct tree *t = loaded(files);

	(void)state;
	assert_text(at_path(t, "a"), "2");
	end(t);
	t = loaded(link);
	assert_string_equal(at_path(t, "a")->target, "x");
	end(t);
	t = loaded(back);
	assert_text(at_path(t, "a"), "2");
	end(t);
}

/* The folder's time is to be set last, when it is long gone. */
static void a_file_takes_the_place_of_an_empty_folder(void **state)
{
	const struct item items[] = {{.name = "a/", .type = '5'},
				     {.name = "a", .data = "file"},
				     {.name = "b", .data = "another"},
				     {0}};
	const struct item link[] = {{.name = "d/a", .type = '5'},
				    {.name = "d/a", .type = '2', .link = "x"},
				    {.name = "d/b", .type = '5'},
				    {0}};
	struct tree *t = loaded(items);

	(void)state;
	assert_text(at_path(t, "a"), "file");
	assert_int_equal(at_path(t, "a")->attr.mtime.tv_sec, 1000000000);
	end(t);
	t = loaded(link);
	assert_string_equal(at_path(t, "d/a")->target, "x");
	end(t);
}

static void a_folder_takes_the_place_of_a_file(void **state)
{
	const struct item items[] = {{.name = "a", .data = "file"},
				     {.name = "a/", .type = '5'},
				     {.name = "a/b", .data = "in"},
				     {0}};
	struct tree *t = loaded(items);

	(void)state;
	assert_text(at_path(t, "a/b"), "in");
	end(t);
}

static void a_folder_named_twice_keeps_what_is_in_it(void **state)
{
	const struct item items[] = {{.name = "a/", .type = '5'},
				     {.name = "a/b", .data = "in"},
				     {.name = "a/", .type = '5'},
				     {0}};
	struct tree *t = loaded(items);

	(void)state;
	assert_text(at_path(t, "a/b"), "in");
	assert_int_equal(at_path(t, "a")->attr.mtime.tv_sec, 1000000000);
	end(t);
}

static void
nothing_takes_the_place_of_a_folder_with_something_in_it(void **state)
{
	static const char types[] = {'0', '1', '2'};

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		const struct item items[] = {
			{.name = "f", .data = "f"},
			{.name = "a/b", .data = "in"},
			{.name = "a", .type = types[i], .link = "f"},
			{0}};
		struct tree *t;

		assert_int_equal(load_items(&t, items), -EBADMSG);
		assert_printable(report.problem);
		assert_non_null(strstr(report.problem, "'a'"));
		end(t);
	}
}

static void nothing_takes_the_place_of_the_root(void **state)
{
	static const char types[] = {'0', '1', '2'};
	static const char *const names[] = {".", "./."};

	(void)state;
	for (size_t i = 0; i < COUNT(types) * COUNT(names); i++) {
		const struct item items[] = {{.name = "f"},
					     {.name = names[i % 2],
					      .type = types[i / 2],
					      .link = "f"},
					     {0}};
		struct tree *t;

		assert_int_equal(load_items(&t, items), -EBADMSG);
		end(t);
	}
}

static void hard_links_that_lead_nowhere_are_refused(void **state)
{
	static const char *const targets[] = {
		"nothing", "d",		  "d/",	  ".",	       "self",
		"/f",	   "/etc/passwd", "../f", "d/../../f", "d//f",
		"f/",	   "f/x",	  "l/x",  "",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++) {
		const struct item items[] = {
			{.name = "d/f", .data = "f"},
			{.name = "l", .type = '2', .link = "d"},
			{.name = "f", .data = "f"},
			{.name = "self", .type = '1', .link = targets[i]},
			{0}};
		struct tree *t;
		int err = load_items(&t, items);

		/* A trailing slash names the same; an empty one is no link. */
		if (strcmp(targets[i], "f/") != 0 && err != -EBADMSG)
			fail_msg("a link to '%s': %d", targets[i], err);
		if (err != 0)
			assert_printable(report.problem);
		end(t);
	}
}

static void a_hard_link_to_itself_loses_no_file_and_no_space(void **state)
{
	const struct item items[] = {{.name = "a", .data = "x"},
				     {.name = "a", .type = '1', .link = "a"},
				     {0}};
	const struct item two[] = {{.name = "a", .data = "x"},
				   {.name = "b", .type = '1', .link = "a"},
				   {.name = "a", .type = '1', .link = "b"},
				   {0}};
	struct tree *t;

	(void)state;
	assert_int_equal(load_items(&t, items), -EBADMSG);
	assert_int_equal(tree_usage(t).used.nodes,
			 child(t, root_of(t), "a") != NULL ? 2 : 1);
	end(t);
	assert_int_equal(load_items(&t, two), 0);
	assert_ptr_equal(at_path(t, "a"), at_path(t, "b"));
	assert_int_equal(at_path(t, "a")->nlink, 2);
	end(t);
}

static void devices_are_left_out_and_counted(void **state)
{
	const struct item items[] = {{.name = "chr", .type = '3'},
				     {.name = "blk", .type = '4'},
				     {.name = "f", .data = "f"},
				     {0}};
	struct tree *t = loaded(items);

	(void)state;
	assert_int_equal(report.skipped, 2);
	assert_int_equal(root_of(t)->dir.count, 1);
	assert_text(at_path(t, "f"), "f");
	end(t);
}

static void a_symlink_out_is_kept_as_it_is(void **state)
{
	const struct item items[] = {
		{.name = "etc", .type = '2', .link = "/etc"},
		{.name = "up", .type = '2', .link = "../../../root/.ssh"},
		{0}};
	const struct item empty[] = {{.name = "l", .type = '2', .link = ""},
				     {0}};
	struct tree *t = loaded(items);

	(void)state;
	assert_string_equal(at_path(t, "etc")->target, "/etc");
	assert_string_equal(at_path(t, "up")->target, "../../../root/.ssh");
	end(t);
	assert_int_equal(load_items(&t, empty), -EBADMSG);
	end(t);
}

static void the_sealed_passphrase_is_dropped_and_said(void **state)
{
	static const char types[] = {'0', '2', '5'};
	const struct item below[] = {{.name = "d/.vault_pass", .data = "x"},
				     {0}};
	struct tree *t;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(types); i++) {
		const struct item items[] = {
			{.name = i % 2 == 0 ? ".vault_pass" : "./.vault_pass",
			 .type = types[i / 2],
			 .link = "x",
			 .data = types[i / 2] == '0' ? "secret" : NULL},
			{.name = "f", .data = "f"},
			{0}};

		t = loaded(items);
		assert_true(report.dropped_passphrase);
		assert_int_equal(root_of(t)->dir.count, 1);
		end(t);
	}
	t = loaded(below);
	assert_false(report.dropped_passphrase);
	assert_text(at_path(t, "d/.vault_pass"), "x");
	end(t);
}

static void
what_lies_in_a_folder_of_that_name_has_a_documented_error(void **state)
{
	const struct item items[] = {{.name = ".vault_pass/x", .data = "x"},
				     {0}};
	struct tree *t;
	int err = load_items(&t, items);

	(void)state;
	assert_true(err == 0 || err == -EBADMSG);
	end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(names_that_no_honest_writer_makes_are_refused),
		counted_test(folders_with_such_names_are_refused_too),
		counted_test(
			a_name_may_come_in_a_pax_record_and_is_judged_there),
		counted_test(an_empty_name_is_refused),
		counted_test(
			a_component_of_256_bytes_is_refused_and_one_of_255_taken),
		counted_test(a_name_deeper_than_a_tree_may_be_is_refused),
		counted_test(nothing_lies_in_what_is_no_folder),
		counted_test(folders_that_no_entry_names_are_made),
		counted_test(the_last_of_two_entries_of_one_name_wins),
		counted_test(a_file_takes_the_place_of_an_empty_folder),
		counted_test(a_folder_takes_the_place_of_a_file),
		counted_test(a_folder_named_twice_keeps_what_is_in_it),
		counted_test(
			nothing_takes_the_place_of_a_folder_with_something_in_it),
		counted_test(nothing_takes_the_place_of_the_root),
		counted_test(hard_links_that_lead_nowhere_are_refused),
		counted_test(a_hard_link_to_itself_loses_no_file_and_no_space),
		counted_test(devices_are_left_out_and_counted),
		counted_test(a_symlink_out_is_kept_as_it_is),
		counted_test(the_sealed_passphrase_is_dropped_and_said),
		counted_test(
			what_lies_in_a_folder_of_that_name_has_a_documented_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
