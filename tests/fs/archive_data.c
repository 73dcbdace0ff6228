/* SPDX-License-Identifier: MIT */
/* Contents, holes, attributes and snapshots: to an archive and back. */
#include "archives.h"
#include "common.h"
#include "counting_mem.h"

#include <time.h>

enum { NOISE = 10 << 20 };

static uint8_t noise[NOISE];

static void end(struct tree *t, struct tree *copy)
{
	struct tree_usage a = tree_usage(t), b = tree_usage(copy);

	assert_int_equal(a.used.nodes, b.used.nodes);
	/* What fitted while it was written fits when it is loaded. */
	assert_in_range(b.used.bytes, 0, a.used.bytes);
	tree_free(t);
	tree_free(copy);
	assert_int_equal(mem_pieces, 0);
}

static void set_size(struct tree *t, struct node *n, uint64_t size)
{
	const struct attr attr = {.size = size};

	assert_int_equal(tree_setattr(t, n, &attr, SET_SIZE), 0);
}

static void files_of_every_size_come_back(void **state)
{
	static const size_t sizes[] = {
		0,	1,	2,	63,	64,	 65,	 511,
		512,	513,	1023,	1024,	4095,	 4096,	 4097,
		10240,	65535,	65536,	65537,	69632,	 131071, 131072,
		131073, 262143, 262144, 262145, 1 << 20, NOISE,
	};
	struct tree *t = ample_tree();
	char name[16];

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct node *n;

		(void)snprintf(name, sizeof(name), "%zu", sizes[i]);
		n = make_file(t, root_of(t), name);
		if (sizes[i] > 0)
			write_at(t, n, 0, noise, sizes[i]);
	}
	end(t, assert_round_trip(t));
}

static void files_with_holes_come_back(void **state)
{
	struct tree *t = ample_tree(), *copy;
	struct node *root = root_of(t), *n;

	(void)state;
	n = make_file(t, root, "a few bytes in a tebibyte");
	write_at(t, n, (uint64_t)1 << 39, noise, 7);
	set_size(t, n, (uint64_t)1 << 40);
	n = make_file(t, root, "all hole");
	set_size(t, n, (uint64_t)1 << 40);
	n = make_file(t, root, "a short hole");
	set_size(t, n, 1);
	n = make_file(t, root, "hole in the middle");
	write_at(t, n, 0, noise, 100);
	write_at(t, n, 10 * MIB + 5, noise, 100000);
	n = make_file(t, root, "hole at the end");
	write_at(t, n, 0, noise, 100000);
	set_size(t, n, 10 * MIB + 1);
	n = make_file(t, root, "hole at the start");
	write_at(t, n, 10 * MIB - 1, noise, 2);
	/* More is allocated for it than it has bytes, and still: a hole. */
	n = make_file(t, root, "short piece, then a cut extent");
	write_at(t, n, 0, noise, 100);
	write_at(t, n, BODY_EXTENT, noise, BODY_EXTENT);
	set_size(t, n, BODY_EXTENT + 1);
	n = make_file(t, root, "every second extent");
	for (uint64_t i = 0; i < 50; i++)
		write_at(t, n, i * 2 * BODY_EXTENT + i, noise, 900);
	copy = assert_round_trip(t);
	/* Not written out as zeros. */
	assert_int_equal(at_path(copy, "all hole")->body.count, 0);
	assert_int_equal(body_stored(&at_path(copy, "a short hole")->body), 0);
	end(t, copy);
}

/* As for any other hole, no byte of it may be written or counted through. */
static void the_largest_hole_takes_no_time(void **state)
{
	struct tree *t = ample_tree();
	struct node *n = make_file(t, root_of(t), "f");
	uint64_t most = largest_size();
	clock_t before;

	(void)state;
	write_at(t, n, most - 9, noise, 9);
	before = clock();
	end(t, assert_round_trip(t));
	assert_true(clock() - before < 2 * CLOCKS_PER_SEC);
}

static void a_file_that_ends_where_no_file_may_comes_back(void **state)
{
	struct tree *t = ample_tree();
	struct node *n = make_file(t, root_of(t), "f");

	(void)state;
	/* It may be refused; if it is taken, it must not cost the vault. */
	(void)tree_write(t, n, largest_size(), noise, 2);
	end(t, assert_round_trip(t));
}

/* Small pieces in large files: what is charged, here and when it is loaded. */
static void a_vault_that_is_full_of_short_pieces_comes_back(void **state)
{
	struct tree *t = tree_of(MIB, 100);
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		struct node *n;

		(void)snprintf(name, sizeof(name), "%u", i);
		n = make_file(t, root_of(t), name);
		write_at(t, n, 0, noise, 10);
		set_size(t, n, BODY_EXTENT);
	}
	end(t, assert_round_trip(t));
}

static void a_vault_that_is_full_of_holes_comes_back(void **state)
{
	struct tree *t = tree_of(MIB, 100);
	struct node *n = make_file(t, root_of(t), "f");

	(void)state;
	for (uint64_t i = 0; i < 200; i++)
		write_at(t, n, i * BODY_EXTENT, noise, 64);
	end(t, assert_round_trip(t));
}

static void a_vault_that_is_full_to_its_last_byte_comes_back(void **state)
{
	struct tree *t = tree_of(MIB, 100);
	struct node *n = make_file(t, root_of(t), "f");

	(void)state;
	write_at(t, n, 0, noise, MIB);
	assert_int_equal(tree_write(t, n, MIB, noise, 1), -ENOSPC);
	end(t, assert_round_trip(t));
}

static void set_xattr(struct tree *t, struct node *n, const char *name,
		      const void *p, size_t len)
{
	const struct xattr_value v = {p, len};

	assert_int_equal(tree_setxattr(t, n, name, &v), 0);
}

static void attributes_come_back(void **state)
{
	struct tree *t = ample_tree();
	struct node *root = root_of(t), *f = make_text(t, root, "f", "text");
	struct node *d = make_dir(t, root, "d");

	(void)state;
	set_xattr(t, f, "user.empty", "", 0);
	set_xattr(t, f, "user.zeros", "\0\0\0", 3);
	set_xattr(t, f, "user.newline", "a\nb\n", 4);
	set_xattr(t, f, "user.binary", noise, 1000);
	set_xattr(t, f, "user.large", noise, 65536);
	set_xattr(t, f, "user.a.b.c", "dots", 4);
	set_xattr(t, f, "user.with space", "space", 5);
	set_xattr(t, f, "user.%41%", "percent", 7);
	set_xattr(t, f, "user.\xc3\xa9", "composed", 8);
	set_xattr(t, f, "user.e\xcc\x81", "decomposed", 10);
	set_xattr(t, d, "user.folder", "of a folder", 11);
	set_xattr(t, root, "user.root", "of the root", 11);
	assert_int_equal(tree_link(t, f, d, "hard"), 0);
	end(t, assert_round_trip(t));
}

static void an_attribute_whose_name_has_an_equals_sign_comes_back(void **state)
{
	struct tree *t = ample_tree();

	(void)state;
	set_xattr(t, make_file(t, root_of(t), "f"), "user.a=b", "value", 5);
	end(t, assert_round_trip(t));
}

static void an_attribute_whose_name_is_not_utf8_comes_back(void **state)
{
	struct tree *t = ample_tree();

	(void)state;
	set_xattr(t, make_file(t, root_of(t), "f"), "user.\xff", "value", 5);
	set_xattr(t, make_file(t, root_of(t), "g"), "user.caf\xe9", "value", 5);
	end(t, assert_round_trip(t));
}

/* There may be a limit; whatever is below it must not cost the vault. */
static void as_many_attributes_as_a_file_may_have_come_back(void **state)
{
	struct tree *t = ample_tree();
	struct node *f = make_text(t, root_of(t), "f", "text");
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		const struct xattr_value v = {noise + i, 65536};
		int err;

		(void)snprintf(name, sizeof(name), "user.%u", i);
		err = tree_setxattr(t, f, name, &v);
		if (err != 0 && i > 0) {
			assert_true(err == -ENOSPC || err == -E2BIG);
			break;
		}
		assert_int_equal(err, 0);
	}
	end(t, assert_round_trip(t));
}

static void a_snapshot_dumps_the_tree_as_it_was(void **state)
{
	struct tree *t = ample_tree(), *old, *copy;
	struct node *root = root_of(t), *d = make_dir(t, root, "d");
	struct node *f = make_text(t, d, "f", "old"), *g;
	struct snapshot s = {0};
	struct tar_report report;
	struct bytes b;

	(void)state;
	g = make_file(t, root, "g");
	write_at(t, g, 0, noise, 300000);
	set_xattr(t, f, "user.a", "old", 3);
	(void)make_symlink(t, root, "l", "old");
	old = reload(t);
	assert_int_equal(snapshot_take(&s, t), 0);
	assert_int_equal(s.changes, tree_changes(t));
	write_at(t, f, 0, "new", 3);
	write_at(t, g, 100, "changed", 7);
	set_size(t, g, 70000);
	set_xattr(t, f, "user.a", "new", 3);
	assert_int_equal(tree_unlink(t, root, "l"), 0);
	(void)make_symlink(t, root, "l", "new");
	assert_int_equal(rename_in(t, d, "f", root, "f", 0), 0);
	assert_int_equal(tree_rmdir(t, root, "d"), 0);
	assert_int_equal(tree_unlink(t, root, "g"), 0);
	assert_true(tree_changes(t) > s.changes);
	b = tar_of_snapshot(&s);
	snapshot_release(&s);
	copy = ample_tree();
	assert_int_equal(tar_load(copy, source_of(&b), &report), 0);
	assert_same_tree(root_of(old), root_of(copy));
	bytes_free(&b);
	tree_free(copy);
	tree_free(old);
	assert_text(child(t, root, "f"), "new");
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

static void snapshots_outlive_one_another_and_their_tree(void **state)
{
	struct tree *t = ample_tree();
	struct node *f = make_text(t, root_of(t), "f", "first");
	struct snapshot s[3] = {{0}};
	struct bytes b;

	(void)state;
	assert_int_equal(tree_link(t, f, root_of(t), "g"), 0);
	assert_int_equal(snapshot_take(&s[0], t), 0);
	write_at(t, f, 0, "other", 5);
	assert_int_equal(snapshot_take(&s[1], t), 0);
	assert_int_equal(snapshot_take(&s[2], t), 0);
	snapshot_release(&s[1]);
	snapshot_release(&s[1]);
	tree_free(t);
	b = tar_of_snapshot(&s[0]);
	assert_non_null(memmem(b.data, b.len, "first", 5));
	assert_null(memmem(b.data, b.len, "other", 5));
	bytes_free(&b);
	b = tar_of_snapshot(&s[2]);
	assert_non_null(memmem(b.data, b.len, "other", 5));
	bytes_free(&b);
	snapshot_release(&s[0]);
	snapshot_release(&s[2]);
	assert_int_equal(mem_pieces, 0);
}

/* A sink that is full after some bytes. */
struct narrow {
	size_t left;
};

static int narrow_write(void *ctx, const uint8_t *buf, size_t len)
{
	struct narrow *n = ctx;

	(void)buf;
	if (len > n->left)
		return -EDQUOT;
	n->left -= len;
	return 0;
}

static void the_error_of_the_sink_comes_out(void **state)
{
	struct tree *t = ample_tree();
	struct snapshot s = {0};
	struct narrow n = {0};
	size_t most;
	int err = -1;

	(void)state;
	write_at(t, make_file(t, root_of(t), "f"), 100000, noise, 100000);
	(void)make_text(t, root_of(t), "g", "text");
	assert_int_equal(snapshot_take(&s, t), 0);
	for (most = 0; err != 0; most += 700) {
		assert_in_range(most, 0, 4 * MIB);
		n.left = most;
		err = tar_dump(&s, (struct sink){narrow_write, &n});
		assert_true(err == 0 || err == -EDQUOT);
	}
	snapshot_release(&s);
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

static int fail_somewhere(struct tree *t, struct bytes *b, ssize_t failing)
{
	struct tar_report report;
	struct snapshot s = {0};
	struct tree *copy = ample_tree();
	struct bytes again = {0};
	int err;

	mem_fail_in = failing;
	err = snapshot_take(&s, t);
	if (err == 0)
		err = tar_dump(&s, sink_of(&again));
	if (err == 0)
		err = tar_load(copy, source_of(b), &report);
	mem_fail_in = -1;
	snapshot_release(&s);
	bytes_free(&again);
	tree_free(copy);
	return err;
}

static void any_allocation_may_fail_and_nothing_is_lost(void **state)
{
	struct tree *t = ample_tree();
	struct node *d = make_dir(t, root_of(t), "d"), *f;
	struct bytes b;
	size_t before;
	int err = -1;

	(void)state;
	f = make_file(t, d, "f");
	write_at(t, f, 0, noise, 200000);
	set_xattr(t, f, "user.a", "v", 1);
	assert_int_equal(tree_link(t, f, d, "g"), 0);
	(void)make_symlink(t, d, "l", "x");
	b = tar_of(t);
	before = mem_pieces;
	for (ssize_t failing = 0; err != 0; failing++) {
		assert_in_range(failing, 0, 1000);
		err = fail_somewhere(t, &b, failing);
		if (err != 0 && err != -ENOMEM)
			fail_msg("allocation %zd: %d", failing, err);
		assert_int_equal(mem_pieces, before);
	}
	bytes_free(&b);
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(files_of_every_size_come_back),
		counted_test(files_with_holes_come_back),
		counted_test(the_largest_hole_takes_no_time),
		counted_test(a_file_that_ends_where_no_file_may_comes_back),
		counted_test(a_vault_that_is_full_of_short_pieces_comes_back),
		counted_test(a_vault_that_is_full_of_holes_comes_back),
		counted_test(a_vault_that_is_full_to_its_last_byte_comes_back),
		counted_test(attributes_come_back),
		counted_test(
			an_attribute_whose_name_has_an_equals_sign_comes_back),
		counted_test(an_attribute_whose_name_is_not_utf8_comes_back),
		counted_test(as_many_attributes_as_a_file_may_have_come_back),
		counted_test(a_snapshot_dumps_the_tree_as_it_was),
		counted_test(snapshots_outlive_one_another_and_their_tree),
		counted_test(the_error_of_the_sink_comes_out),
		counted_test(any_allocation_may_fail_and_nothing_is_lost),
	};

	fill_random(noise, sizeof(noise), 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
