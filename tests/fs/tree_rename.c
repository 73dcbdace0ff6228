/* SPDX-License-Identifier: MIT */
/* rename(2) and renameat2(2), case by case. */
#include "common.h"
#include "counting_mem.h"
#include "fs/tree.h"
#include "trees.h"

/*
 * Where each test begins:
 *
 *	f "f"	g "g"	l -> target	empty/	other/	full/in "in"
 */
static struct tree *t;
static struct node *root;

static int set_up(void **state)
{
	(void)count_from_zero(state);
	t = ample_tree();
	root = root_of(t);
	(void)make_text(t, root, "f", "f");
	(void)make_text(t, root, "g", "g");
	(void)make_symlink(t, root, "l", "target");
	(void)make_dir(t, root, "empty");
	(void)make_dir(t, root, "other");
	(void)make_text(t, make_dir(t, root, "full"), "in", "in");
	return 0;
}

static int tear_down(void **state)
{
	tree_free(t);
	return mem_pieces == 0 ? check_graves(state) : -1;
}

/* In the root. */
static int mv(const char *a, const char *b, unsigned flags)
{
	return rename_in(t, root, a, root, b, flags);
}

static void a_file_gets_a_new_name(void **state)
{
	struct node *f = child(t, root, "f");

	(void)state;
	assert_int_equal(mv("f", "h", 0), 0);
	assert_null(child(t, root, "f"));
	assert_ptr_equal(child(t, root, "h"), f);
	assert_text(f, "f");
	assert_int_equal(f->nlink, 1);
	assert_sound(t);
}

static void a_file_takes_the_place_of_a_file(void **state)
{
	uint64_t ino = child(t, root, "g")->ino;

	(void)state;
	assert_int_equal(mv("f", "g", 0), 0);
	assert_text(child(t, root, "g"), "f");
	assert_null(child(t, root, "f"));
	assert_null(tree_node(t, ino));
	assert_int_equal(mv("l", "g", 0), 0);
	assert_string_equal(child(t, root, "g")->target, "target");
	assert_sound(t);
}

static void a_folder_takes_the_place_of_an_empty_folder(void **state)
{
	struct node *full = child(t, root, "full");

	(void)state;
	assert_int_equal(mv("full", "empty", 0), 0);
	assert_ptr_equal(child(t, root, "empty"), full);
	assert_text(at_path(t, "empty/in"), "in");
	assert_int_equal(root->nlink, 4);
	assert_sound(t);
}

static void a_folder_takes_an_empty_folder_s_place_elsewhere(void **state)
{
	struct node *other = child(t, root, "other");
	struct node *deep = make_dir(t, other, "deep");

	(void)state;
	deep->lookups = 1;
	assert_int_equal(rename_in(t, root, "full", other, "deep", 0), 0);
	assert_int_equal(deep->nlink, 0);
	assert_text(at_path(t, "other/deep/in"), "in");
	assert_ptr_equal(at_path(t, "other/deep")->parent, other);
	tree_forget(t, deep, 1);
	assert_sound(t);
}

static void what_does_not_fit_is_refused(void **state)
{
	static const struct {
		const char *from, *to;
		unsigned flags;
		int err;
	} cases[] = {
		{"empty", "full", 0, -ENOTEMPTY},
		{"f", "empty", 0, -EISDIR},
		{"f", "full", 0, -EISDIR},
		{"l", "empty", 0, -EISDIR},
		{"empty", "f", 0, -ENOTDIR},
		{"full", "l", 0, -ENOTDIR},
		{"nothing", "x", 0, -ENOENT},
		{"nothing", "f", 0, -ENOENT},
		{"f", "g", RENAME_NOREPLACE, -EEXIST},
		{"f", "empty", RENAME_NOREPLACE, -EEXIST},
		{"f", "nothing", RENAME_EXCHANGE, -ENOENT},
		{"nothing", "f", RENAME_EXCHANGE, -ENOENT},
		{"f", "g", RENAME_EXCHANGE | RENAME_NOREPLACE, -EINVAL},
		{"f", "x", RENAME_WHITEOUT, -EINVAL},
		{"f", "x", 1U << 31, -EINVAL},
		{"f", "", 0, -EINVAL},
		{"f", ".", 0, -EINVAL},
		{"f", "..", 0, -EINVAL},
		{"f", "a/b", 0, -EINVAL},
		{"f", ".vault_pass", 0, -EPERM},
		{"empty", ".vault_pass", 0, -EPERM},
		{"f", ".vault_pass", RENAME_EXCHANGE, -EPERM},
	};
	uint64_t changes = tree_changes(t);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int err = mv(cases[i].from, cases[i].to, cases[i].flags);

		if (err != cases[i].err)
			fail_msg("%s to '%s' (%u): %d", cases[i].from,
				 cases[i].to, cases[i].flags, err);
	}
	assert_int_equal(tree_changes(t), changes);
	assert_text(child(t, root, "f"), "f");
	assert_text(child(t, root, "g"), "g");
	assert_text(at_path(t, "full/in"), "in");
	assert_sound(t);
}

static void a_file_is_no_place_for_a_name(void **state)
{
	struct node *f = child(t, root, "f");

	(void)state;
	assert_int_equal(rename_in(t, root, "g", f, "x", 0), -ENOTDIR);
	assert_int_equal(rename_in(t, f, "x", root, "y", 0), -ENOTDIR);
	assert_sound(t);
}

static void no_folder_goes_into_itself(void **state)
{
	struct node *full = child(t, root, "full");
	struct node *a = make_dir(t, full, "a"), *b = make_dir(t, a, "b");
	uint64_t changes = tree_changes(t);

	(void)state;
	assert_int_equal(rename_in(t, root, "full", full, "x", 0), -EINVAL);
	assert_int_equal(rename_in(t, root, "full", b, "x", 0), -EINVAL);
	assert_int_equal(rename_in(t, full, "a", b, "x", 0), -EINVAL);
	assert_int_equal(rename_in(t, root, "full", a, "b", RENAME_EXCHANGE),
			 -EINVAL);
	assert_int_equal(rename_in(t, a, "b", root, "full", RENAME_EXCHANGE),
			 -EINVAL);
	assert_int_equal(tree_changes(t), changes);
	/* Up is no problem. */
	assert_int_equal(rename_in(t, a, "b", root, "b", 0), 0);
	assert_ptr_equal(b->parent, root);
	assert_sound(t);
}

static void names_of_one_file_are_left_as_they_are(void **state)
{
	struct node *f = child(t, root, "f");
	struct node *full = child(t, root, "full");
	uint64_t changes;

	(void)state;
	assert_int_equal(tree_link(t, f, full, "f2"), 0);
	changes = tree_changes(t);
	assert_int_equal(rename_in(t, root, "f", full, "f2", 0), 0);
	assert_int_equal(mv("f", "f", 0), 0);
	assert_int_equal(mv("full", "full", 0), 0);
	assert_ptr_equal(child(t, root, "f"), f);
	assert_ptr_equal(child(t, full, "f2"), f);
	assert_int_equal(f->nlink, 2);
	assert_int_equal(tree_changes(t), changes);
}

static void noreplace_takes_a_free_name(void **state)
{
	(void)state;
	assert_int_equal(mv("f", "h", RENAME_NOREPLACE), 0);
	assert_text(child(t, root, "h"), "f");
	assert_null(child(t, root, "f"));
	assert_sound(t);
}

static void a_file_and_a_folder_change_places_across_parents(void **state)
{
	struct node *full = child(t, root, "full");
	struct node *other = child(t, root, "other");
	struct node *in = child(t, full, "in");
	struct node *sub = make_dir(t, other, "sub");

	(void)state;
	(void)make_text(t, sub, "deep", "deep");
	assert_int_equal(
		rename_in(t, full, "in", other, "sub", RENAME_EXCHANGE), 0);
	assert_ptr_equal(child(t, full, "in"), sub);
	assert_ptr_equal(child(t, other, "sub"), in);
	assert_ptr_equal(sub->parent, full);
	assert_int_equal(full->nlink, 3);
	assert_int_equal(other->nlink, 2);
	assert_text(at_path(t, "full/in/deep"), "deep");
	assert_text(at_path(t, "other/sub"), "in");
	assert_sound(t);
	/* And back, the other way around. */
	assert_int_equal(
		rename_in(t, full, "in", other, "sub", RENAME_EXCHANGE), 0);
	assert_ptr_equal(child(t, other, "sub"), sub);
	assert_int_equal(full->nlink, 2);
	assert_int_equal(other->nlink, 3);
	assert_sound(t);
}

static void two_folders_change_places(void **state)
{
	(void)state;
	assert_int_equal(mv("full", "empty", RENAME_EXCHANGE), 0);
	assert_text(at_path(t, "empty/in"), "in");
	assert_int_equal(child(t, root, "full")->dir.count, 0);
	assert_sound(t);
	assert_int_equal(mv("f", "g", RENAME_EXCHANGE), 0);
	assert_text(child(t, root, "f"), "g");
	assert_sound(t);
}

static void an_exchange_dates_both_folders_and_both_files(void **state)
{
	struct node *full = child(t, root, "full");
	struct node *touched[] = {root, full, child(t, root, "f"),
				  child(t, full, "in")};

	(void)state;
	for (size_t i = 0; i < COUNT(touched); i++)
		touched[i]->attr.ctime = touched[i]->attr.mtime =
			(struct timespec){0};
	assert_int_equal(rename_in(t, root, "f", full, "in", RENAME_EXCHANGE),
			 0);
	for (size_t i = 0; i < COUNT(touched); i++) {
		bool folder = S_ISDIR(touched[i]->attr.mode);

		assert_int_not_equal(touched[i]->attr.ctime.tv_sec, 0);
		assert_int_equal(touched[i]->attr.mtime.tv_sec != 0, folder);
	}
}

static void a_rename_needs_no_free_node(void **state)
{
	struct tree *small = tree_of(1000, 3);
	struct node *r = root_of(small);

	(void)state;
	(void)make_file(small, r, "a");
	(void)make_file(small, r, "b");
	assert_int_equal(rename_in(small, r, "a", r, "c", 0), 0);
	assert_int_equal(rename_in(small, r, "b", r, "c", 0), 0);
	assert_sound(small);
	tree_free(small);
}

static void a_rename_that_finds_no_memory_changes_nothing(void **state)
{
	struct node *other = child(t, root, "other");
	int failures = 0, err = -ENOMEM;

	(void)state;
	for (ssize_t failing = 0; err != 0; failing++) {
		uint64_t changes = tree_changes(t);

		mem_fail_in = failing;
		err = rename_in(t, root, "full", other, "full", 0);
		mem_fail_in = -1;
		if (err == 0)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(tree_changes(t), changes);
		assert_text(at_path(t, "full/in"), "in");
		assert_null(child(t, other, "full"));
		assert_sound(t);
		failures++;
	}
	assert_in_range(failures, 1, 10);
	assert_text(at_path(t, "other/full/in"), "in");
	assert_sound(t);
}

/* Any two places, any flags, for a long time; the tree must stay a tree. */
static void random_renames_leave_a_sound_tree(void **state)
{
	static const char *const names[] = {"a", "b", "c"};
	static const unsigned flags[] = {0, 0, RENAME_NOREPLACE,
					 RENAME_EXCHANGE};
	struct node *dirs[8] = {root};
	uint64_t random = 5, at;
	unsigned done = 0;

	(void)state;
	for (size_t i = 1; i < COUNT(dirs); i++) {
		char name[] = {(char)('p' + i), '\0'};

		dirs[i] = make_dir(t, root, name);
		dirs[i]->lookups = 1; /* lives on when it is replaced */
		(void)make_file(t, dirs[i], "a");
		(void)make_dir(t, dirs[i], "b");
	}
	for (unsigned i = 0; i < 5000; i++) {
		struct node *from, *to;
		char dir_name[] = {
			(char)('p' + (at = next_random(&random) % 8)), '\0'};
		const char *a = names[next_random(&random) % 3];

		from = dirs[next_random(&random) % COUNT(dirs)];
		to = dirs[next_random(&random) % COUNT(dirs)];
		if (next_random(&random) % 3 == 0) {
			a = dir_name;
			from = root;
		}
		done += rename_in(t, from, a, to,
				  names[next_random(&random) % 3],
				  flags[next_random(&random) % 4]) == 0;
		if (child(t, root, dir_name) == NULL && at > 0 &&
		    dirs[at]->nlink > 0 && dirs[at]->parent != root)
			(void)rename_in(t, dirs[at]->parent, names[0], root,
					dir_name, 0);
	}
	assert_in_range(done, 100, 5000);
	for (size_t i = 1; i < COUNT(dirs); i++)
		tree_forget(t, dirs[i], 1);
	assert_sound(t);
}

#define rename_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rename_test(a_file_gets_a_new_name),
		rename_test(a_file_takes_the_place_of_a_file),
		rename_test(a_folder_takes_the_place_of_an_empty_folder),
		rename_test(a_folder_takes_an_empty_folder_s_place_elsewhere),
		rename_test(what_does_not_fit_is_refused),
		rename_test(a_file_is_no_place_for_a_name),
		rename_test(no_folder_goes_into_itself),
		rename_test(names_of_one_file_are_left_as_they_are),
		rename_test(noreplace_takes_a_free_name),
		rename_test(a_file_and_a_folder_change_places_across_parents),
		rename_test(two_folders_change_places),
		rename_test(an_exchange_dates_both_folders_and_both_files),
		rename_test(a_rename_needs_no_free_node),
		rename_test(a_rename_that_finds_no_memory_changes_nothing),
		rename_test(random_renames_leave_a_sound_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
