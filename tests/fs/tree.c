/* SPDX-License-Identifier: MIT */
#include "fs/tree.h"
#include "common.h"
#include "counting_mem.h"
#include "trees.h"

#include <unistd.h>

static const struct timespec past = {1000000000, 123456789};

/* Give n times that no clock shows any more. */
static void age(struct node *n)
{
	n->attr.atime = n->attr.mtime = n->attr.ctime = past;
}

static bool is_past(const struct timespec *t)
{
	return t->tv_sec == past.tv_sec && t->tv_nsec == past.tv_nsec;
}

/* Which of a node's times were set: "", "c", "mc" or "amc". */
static const char *touched(const struct node *n)
{
	static char s[4];
	size_t len = 0;

	if (!is_past(&n->attr.atime))
		s[len++] = 'a';
	if (!is_past(&n->attr.mtime))
		s[len++] = 'm';
	if (!is_past(&n->attr.ctime))
		s[len++] = 'c';
	s[len] = '\0';
	return s;
}

static void end(struct tree *t)
{
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

static void a_new_tree_is_an_empty_folder(void **state)
{
	const struct tree_limits limits = {.bytes = 1000, .nodes = 10};
	const struct attr root = {
		.mode = S_IFDIR | 0750, .uid = 7, .gid = 8, .mtime = past};
	struct tree *t = NULL;
	struct tree_usage u;

	(void)state;
	assert_int_equal(tree_new(&t, &limits, &root), 0);
	assert_int_equal(root_of(t)->attr.mode, S_IFDIR | 0750);
	assert_int_equal(root_of(t)->attr.uid, 7);
	assert_int_equal(root_of(t)->attr.gid, 8);
	assert_true(is_past(&root_of(t)->attr.mtime));
	assert_int_equal(root_of(t)->nlink, 2);
	assert_ptr_equal(root_of(t)->parent, root_of(t));
	assert_null(tree_node(t, 0));
	assert_null(tree_node(t, 2));
	assert_null(tree_node(t, UINT64_MAX));
	u = tree_usage(t);
	assert_int_equal(u.used.bytes, 0);
	assert_int_equal(u.used.nodes, 1);
	assert_int_equal(u.files, 0);
	assert_int_equal(u.limit.bytes, 1000);
	assert_int_equal(u.limit.nodes, 10);
	end(t);
}

static void link_counts_are_those_of_posix(void **state)
{
	struct tree *t = ample_tree();
	struct node *d = make_dir(t, root_of(t), "d");
	struct node *f = make_file(t, d, "f");

	(void)state;
	assert_int_equal(d->nlink, 2);
	assert_int_equal(root_of(t)->nlink, 3);
	assert_int_equal(f->nlink, 1);
	(void)make_dir(t, d, "e");
	assert_int_equal(d->nlink, 3);
	assert_int_equal(tree_link(t, f, root_of(t), "g"), 0);
	assert_int_equal(f->nlink, 2);
	assert_int_equal(root_of(t)->nlink, 3);
	assert_int_equal(tree_unlink(t, d, "f"), 0);
	assert_int_equal(f->nlink, 1);
	assert_int_equal(tree_rmdir(t, d, "e"), 0);
	assert_int_equal(d->nlink, 2);
	assert_int_equal(tree_rmdir(t, root_of(t), "d"), 0);
	assert_int_equal(root_of(t)->nlink, 2);
	assert_sound(t);
	end(t);
}

static void making_a_name_dates_its_folder(void **state)
{
	static const uint32_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO};
	struct tree *t = ample_tree();

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		const char name[] = {(char)('a' + i), '\0'};
		struct node *n;

		age(root_of(t));
		n = make(t, root_of(t), name, types[i] | 0700);
		assert_string_equal(touched(root_of(t)), "mc");
		assert_string_equal(touched(n), "amc");
	}
	age(root_of(t));
	age(child(t, root_of(t), "a"));
	assert_int_equal(
		tree_link(t, child(t, root_of(t), "a"), root_of(t), "z"), 0);
	assert_string_equal(touched(root_of(t)), "mc");
	assert_string_equal(touched(child(t, root_of(t), "a")), "c");
	end(t);
}

static void removing_a_name_dates_its_folder_and_its_file(void **state)
{
	struct tree *t = ample_tree();
	struct node *f = make_file(t, root_of(t), "f");
	struct node *d = make_dir(t, root_of(t), "d");

	(void)state;
	assert_int_equal(tree_link(t, f, root_of(t), "g"), 0);
	age(f);
	age(root_of(t));
	assert_int_equal(tree_unlink(t, root_of(t), "f"), 0);
	assert_string_equal(touched(f), "c");
	assert_string_equal(touched(root_of(t)), "mc");
	age(root_of(t));
	age(d);
	d->lookups = 1;
	assert_int_equal(tree_rmdir(t, root_of(t), "d"), 0);
	assert_string_equal(touched(root_of(t)), "mc");
	assert_string_equal(touched(d), "c");
	end(t);
}

static void a_rename_dates_both_folders_and_the_file_s_status(void **state)
{
	struct tree *t = ample_tree();
	struct node *a = make_dir(t, root_of(t), "a");
	struct node *b = make_dir(t, root_of(t), "b");
	struct node *f = make_file(t, a, "f");

	(void)state;
	age(a);
	age(b);
	age(f);
	age(root_of(t));
	assert_int_equal(rename_in(t, a, "f", b, "g", 0), 0);
	assert_string_equal(touched(a), "mc");
	assert_string_equal(touched(b), "mc");
	assert_string_equal(touched(f), "c");
	assert_string_equal(touched(root_of(t)), "");
	end(t);
}

static void a_write_dates_the_file_and_a_read_does_not(void **state)
{
	struct tree *t = ample_tree();
	struct node *f = make_text(t, root_of(t), "f", "hello");
	struct attr attr = {.size = 3};

	(void)state;
	age(f);
	age(root_of(t));
	assert_text(f, "hello");
	assert_string_equal(touched(f), "");
	write_at(t, f, 0, "j", 1);
	assert_string_equal(touched(f), "mc");
	age(f);
	assert_int_equal(tree_setattr(t, f, &attr, SET_SIZE), 0);
	assert_string_equal(touched(f), "mc");
	assert_text(f, "jel");
	assert_string_equal(touched(root_of(t)), "");
	end(t);
}

static void attributes_are_set_as_told(void **state)
{
	struct tree *t = ample_tree();
	struct node *f = make_file(t, root_of(t), "f");
	const struct attr attr = {
		.mode = S_IFDIR | 07777,
		.uid = 70000,
		.gid = UINT32_MAX - 1,
		.size = 99,
		.atime = {-5, 1},
		.mtime = {(time_t)1 << 33, 999999999},
	};

	(void)state;
	age(f);
	assert_int_equal(tree_setattr(t, f, &attr, SET_MODE), 0);
	assert_int_equal(f->attr.mode, S_IFREG | 07777);
	assert_string_equal(touched(f), "c");
	assert_int_equal(tree_setattr(t, f, &attr, SET_UID | SET_GID), 0);
	assert_int_equal(f->attr.uid, 70000);
	assert_int_equal(f->attr.gid, UINT32_MAX - 1);
	assert_string_equal(touched(f), "c");
	assert_int_equal(tree_setattr(t, f, &attr, SET_ATIME | SET_MTIME), 0);
	assert_int_equal(f->attr.atime.tv_sec, -5);
	assert_int_equal(f->attr.atime.tv_nsec, 1);
	assert_int_equal(f->attr.mtime.tv_sec, (time_t)1 << 33);
	assert_int_equal(f->attr.mtime.tv_nsec, 999999999);
	age(f);
	assert_int_equal(tree_setattr(t, f, &attr, SET_ATIME_NOW), 0);
	assert_string_equal(touched(f), "ac");
	age(f);
	assert_int_equal(tree_setattr(t, f, &attr, SET_MTIME_NOW), 0);
	assert_string_equal(touched(f), "mc");
	assert_int_equal(f->attr.size, 0);
	/* A size and a time at once, as by open(2) with O_TRUNC after utime. */
	assert_int_equal(tree_setattr(t, f, &attr, SET_SIZE | SET_MTIME), 0);
	assert_int_equal(f->attr.size, 99);
	assert_int_equal(f->attr.mtime.tv_sec, (time_t)1 << 33);
	end(t);
}

static void only_files_have_a_size_to_set(void **state)
{
	struct tree *t = ample_tree();
	struct node *l = make_symlink(t, root_of(t), "l", "target");
	struct node *f = make_file(t, root_of(t), "f");
	struct attr attr = {.mode = 0123};
	uint64_t changes = tree_changes(t);

	(void)state;
	assert_int_equal(
		tree_setattr(t, root_of(t), &attr, SET_SIZE | SET_MODE),
		-EISDIR);
	assert_int_equal(tree_setattr(t, l, &attr, SET_SIZE), -EINVAL);
	attr.size = largest_size() + 1;
	assert_int_equal(tree_setattr(t, f, &attr, SET_SIZE | SET_MODE),
			 -EFBIG);
	attr.size = UINT64_MAX;
	assert_int_equal(tree_setattr(t, f, &attr, SET_SIZE), -EFBIG);
	/* All at once, or nothing. */
	assert_int_equal(root_of(t)->attr.mode, S_IFDIR | 0700);
	assert_int_equal(f->attr.mode, S_IFREG | 0644);
	assert_int_equal(l->attr.size, 6);
	assert_int_equal(tree_changes(t), changes);
	attr.size = largest_size();
	assert_int_equal(tree_setattr(t, f, &attr, SET_SIZE), 0);
	assert_int_equal(tree_usage(t).used.bytes, 6);
	end(t);
}

static void no_file_grows_beyond_what_can_be_set(void **state)
{
	const uint64_t most = largest_size();
	struct tree *t = ample_tree();
	struct node *f = make_file(t, root_of(t), "f");
	struct attr attr = {0};
	ssize_t n;

	(void)state;
	assert_int_equal(tree_write(t, f, most + 1, (uint8_t *)"x", 1), -EFBIG);
	assert_int_equal(tree_write(t, f, UINT64_MAX, (uint8_t *)"x", 1),
			 -EFBIG);
	assert_int_equal(f->attr.size, 0);
	n = tree_write(t, f, most - 1, (uint8_t *)"xyz", 3);
	assert_true(n == 1 || n == -EFBIG);
	/* A vault is loaded by way of its own sizes. */
	attr.size = f->attr.size;
	assert_int_equal(tree_setattr(t, f, &attr, SET_SIZE), 0);
	end(t);
}

static void an_unlinked_file_lives_until_it_is_forgotten(void **state)
{
	struct tree *t = ample_tree();
	struct node *f = make_text(t, root_of(t), "f", "secret");
	uint64_t ino = f->ino;

	(void)state;
	f->lookups = 3;
	assert_int_equal(tree_unlink(t, root_of(t), "f"), 0);
	assert_null(child(t, root_of(t), "f"));
	assert_int_equal(f->nlink, 0);
	assert_text(f, "secret");
	write_at(t, f, 6, "!", 1);
	assert_int_not_equal(tree_usage(t).used.bytes, 0);
	tree_forget(t, f, 1);
	assert_text(f, "secret!");
	assert_int_not_equal(tree_usage(t).used.bytes, 0);
	tree_forget(t, f, 2);
	assert_null(tree_node(t, ino));
	assert_int_equal(tree_usage(t).used.bytes, 0);
	assert_int_equal(tree_usage(t).used.nodes, 1);
	end(t);
}

static void a_file_that_was_replaced_lives_until_it_is_forgotten(void **state)
{
	struct tree *t = ample_tree();
	struct node *old = make_text(t, root_of(t), "f", "old");
	uint64_t ino = old->ino;

	(void)state;
	(void)make_text(t, root_of(t), "g", "new");
	old->lookups = 1;
	assert_int_equal(rename_in(t, root_of(t), "g", root_of(t), "f", 0), 0);
	assert_text(old, "old");
	assert_text(child(t, root_of(t), "f"), "new");
	tree_forget(t, old, 1);
	assert_null(tree_node(t, ino));
	assert_sound(t);
	end(t);
}

static void forgetting_ends_no_node_that_has_a_name(void **state)
{
	struct tree *t = ample_tree();
	struct node *f = make_text(t, root_of(t), "f", "kept");

	(void)state;
	f->lookups = 1;
	tree_forget(t, f, 1);
	/* More than there were: a kernel that miscounts must do no harm. */
	tree_forget(t, f, 100);
	tree_forget(t, root_of(t), 5);
	assert_text(child(t, root_of(t), "f"), "kept");
	assert_sound(t);
	end(t);
}

static void a_number_is_used_again_only_after_release(void **state)
{
	struct tree *t = ample_tree();
	struct node *f = make_file(t, root_of(t), "f");
	uint64_t ino = f->ino;

	(void)state;
	f->lookups = 1;
	assert_int_equal(tree_unlink(t, root_of(t), "f"), 0);
	for (unsigned i = 0; i < 200; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%u", i);
		assert_int_not_equal(make_file(t, root_of(t), name)->ino, ino);
	}
	assert_ptr_equal(tree_node(t, ino), f);
	tree_forget(t, f, 1);
	assert_null(tree_node(t, ino));
	assert_int_equal(make_file(t, root_of(t), "again")->ino, ino);
	assert_sound(t);
	end(t);
}

static void a_removed_folder_takes_no_names(void **state)
{
	struct tree *t = ample_tree();
	struct node *d = make_dir(t, root_of(t), "d"), *n = NULL;
	struct node *f = make_file(t, root_of(t), "f");

	(void)state;
	d->lookups = 1;
	assert_int_equal(tree_rmdir(t, root_of(t), "d"), 0);
	assert_int_equal(try_make(&n, t, d, "x", S_IFREG | 0600), -ENOENT);
	assert_int_equal(try_make(&n, t, d, "x", S_IFDIR | 0700), -ENOENT);
	assert_int_equal(tree_link(t, f, d, "x"), -ENOENT);
	assert_int_equal(rename_in(t, root_of(t), "f", d, "x", 0), -ENOENT);
	assert_int_equal(tree_lookup(&n, t, d, "x"), -ENOENT);
	assert_int_equal(tree_unlink(t, d, "x"), -ENOENT);
	assert_int_equal(f->nlink, 1);
	tree_forget(t, d, 1);
	assert_sound(t);
	end(t);
}

static void a_nameless_file_gets_no_name_again(void **state)
{
	struct tree *t = ample_tree();
	struct node *f = make_file(t, root_of(t), "f");

	(void)state;
	f->lookups = 1;
	assert_int_equal(tree_unlink(t, root_of(t), "f"), 0);
	assert_int_equal(tree_link(t, f, root_of(t), "g"), -ENOENT);
	assert_null(child(t, root_of(t), "g"));
	tree_forget(t, f, 1);
	assert_sound(t);
	end(t);
}

static void removal_tells_folders_from_files(void **state)
{
	struct tree *t = ample_tree();
	struct node *d = make_dir(t, root_of(t), "d");
	uint64_t changes;

	(void)state;
	(void)make_file(t, d, "f");
	(void)make_symlink(t, root_of(t), "l", "d");
	changes = tree_changes(t);
	assert_int_equal(tree_unlink(t, root_of(t), "d"), -EISDIR);
	assert_int_equal(tree_unlink(t, root_of(t), "x"), -ENOENT);
	assert_int_equal(tree_unlink(t, child(t, d, "f"), "x"), -ENOTDIR);
	assert_int_equal(tree_rmdir(t, root_of(t), "d"), -ENOTEMPTY);
	assert_int_equal(tree_rmdir(t, root_of(t), "x"), -ENOENT);
	assert_int_equal(tree_rmdir(t, root_of(t), "l"), -ENOTDIR);
	assert_int_equal(tree_rmdir(t, d, "f"), -ENOTDIR);
	assert_int_equal(tree_changes(t), changes);
	assert_int_equal(tree_unlink(t, root_of(t), "l"), 0);
	assert_int_equal(tree_unlink(t, d, "f"), 0);
	assert_int_equal(tree_rmdir(t, root_of(t), "d"), 0);
	assert_sound(t);
	end(t);
}

static void a_set_gid_folder_passes_on_its_group(void **state)
{
	struct tree *t = ample_tree();
	struct node *d = make_dir(t, root_of(t), "d"), *e, *f;

	(void)state;
	d->attr.mode |= S_ISGID;
	d->attr.gid = 4242;
	f = make_file(t, d, "f");
	assert_int_equal(f->attr.gid, 4242);
	assert_int_equal(f->attr.mode, S_IFREG | 0644);
	e = make_dir(t, d, "e");
	assert_int_equal(e->attr.gid, 4242);
	assert_int_equal(e->attr.mode, S_IFDIR | S_ISGID | 0755);
	assert_int_equal(make_symlink(t, e, "l", "x")->attr.gid, 4242);
	f = make_file(t, root_of(t), "f");
	assert_int_equal(f->attr.gid, 1000);
	end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(a_new_tree_is_an_empty_folder),
		counted_test(link_counts_are_those_of_posix),
		counted_test(making_a_name_dates_its_folder),
		counted_test(removing_a_name_dates_its_folder_and_its_file),
		counted_test(a_rename_dates_both_folders_and_the_file_s_status),
		counted_test(a_write_dates_the_file_and_a_read_does_not),
		counted_test(attributes_are_set_as_told),
		counted_test(only_files_have_a_size_to_set),
		counted_test(no_file_grows_beyond_what_can_be_set),
		counted_test(an_unlinked_file_lives_until_it_is_forgotten),
		counted_test(
			a_file_that_was_replaced_lives_until_it_is_forgotten),
		counted_test(forgetting_ends_no_node_that_has_a_name),
		counted_test(a_number_is_used_again_only_after_release),
		counted_test(a_removed_folder_takes_no_names),
		counted_test(a_nameless_file_gets_no_name_again),
		counted_test(removal_tells_folders_from_files),
		counted_test(a_set_gid_folder_passes_on_its_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
