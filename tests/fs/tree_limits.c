/* SPDX-License-Identifier: MIT */
/* What a tree refuses, and that it is unchanged then. */
#include "common.h"
#include "counting_mem.h"
#include "fs/tree.h"
#include "trees.h"

#include <limits.h>
#include <stdlib.h>

static void end(struct tree *t)
{
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

static void names_have_255_bytes_at_most(void **state)
{
	struct tree *t = ample_tree();
	struct node *root = root_of(t), *n = NULL;
	char name[DIR_NAME_MAX + 2];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[DIR_NAME_MAX + 1] = '\0';
	assert_int_equal(try_make(&n, t, root, name, S_IFREG | 0600),
			 -ENAMETOOLONG);
	assert_int_equal(tree_lookup(&n, t, root, name), -ENAMETOOLONG);
	assert_int_equal(tree_unlink(t, root, name), -ENAMETOOLONG);
	assert_int_equal(tree_rmdir(t, root, name), -ENAMETOOLONG);
	name[DIR_NAME_MAX] = '\0';
	(void)make_file(t, root, name);
	assert_int_equal(tree_lookup(&n, t, root, name), 0);
	name[DIR_NAME_MAX] = 'n';
	assert_int_equal(tree_link(t, n, root, name), -ENAMETOOLONG);
	assert_int_equal(rename_in(t, root, "x", root, name, 0), -ENAMETOOLONG);
	assert_int_equal(rename_in(t, root, name, root, "x", 0), -ENAMETOOLONG);
	assert_sound(t);
	end(t);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const bad[] = {"",	".",  "..", "/",
					  "a/", "/a", "a/b"};
	struct tree *t = ample_tree();
	struct node *root = root_of(t), *n = NULL;
	struct node *f = make_file(t, root, "f");

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(try_make(&n, t, root, bad[i], S_IFREG | 0600),
				 -EINVAL);
		assert_int_equal(try_make(&n, t, root, bad[i], S_IFDIR | 0700),
				 -EINVAL);
		assert_int_equal(tree_link(t, f, root, bad[i]), -EINVAL);
	}
	assert_int_equal(try_make(&n, t, f, "x", S_IFREG | 0600), -ENOTDIR);
	assert_int_equal(tree_lookup(&n, t, f, "x"), -ENOTDIR);
	assert_int_equal(tree_link(t, root, root, "x"), -EPERM);
	assert_int_equal(tree_link(t, f, root, "f"), -EEXIST);
	assert_int_equal(try_make(&n, t, root, "f", S_IFDIR | 0700), -EEXIST);
	assert_sound(t);
	end(t);
}

static void
the_sealed_passphrase_s_name_is_never_given_at_the_root(void **state)
{
	struct tree *t = ample_tree();
	struct node *root = root_of(t), *n = NULL;
	struct node *f = make_file(t, root, "f"), *d = make_dir(t, root, "d");
	uint64_t changes = tree_changes(t);

	(void)state;
	assert_int_equal(try_make(&n, t, root, TREE_RESERVED, S_IFREG | 0600),
			 -EPERM);
	assert_int_equal(try_make(&n, t, root, TREE_RESERVED, S_IFDIR | 0700),
			 -EPERM);
	assert_int_equal(try_make(&n, t, root, TREE_RESERVED, S_IFLNK | 0777),
			 -EPERM);
	assert_int_equal(tree_link(t, f, root, TREE_RESERVED), -EPERM);
	assert_int_equal(rename_in(t, root, "f", root, TREE_RESERVED, 0),
			 -EPERM);
	assert_int_equal(tree_changes(t), changes);
	/* Elsewhere it is a name like others, but may not come up. */
	assert_int_equal(tree_link(t, f, d, TREE_RESERVED), 0);
	assert_int_equal(rename_in(t, d, TREE_RESERVED, root, TREE_RESERVED, 0),
			 -EPERM);
	assert_int_equal(tree_unlink(t, d, TREE_RESERVED), 0);
	(void)make_file(t, d, TREE_RESERVED);
	assert_int_equal(
		rename_in(t, d, TREE_RESERVED, root, "f", RENAME_EXCHANGE), 0);
	assert_null(child(t, root, TREE_RESERVED));
	assert_sound(t);
	end(t);
}

/* A chain of depth folders below dir, each called "d"; the last one. */
static struct node *dig(struct tree *t, struct node *dir, unsigned depth)
{
	while (depth-- > 0)
		dir = make_dir(t, dir, "d");
	return dir;
}

static void folders_lie_no_deeper_than_allowed(void **state)
{
	struct tree *t = ample_tree();
	struct node *deepest = dig(t, root_of(t), TREE_DEPTH_MAX), *n = NULL;
	uint64_t changes = tree_changes(t);

	(void)state;
	assert_int_equal(try_make(&n, t, deepest, "x", S_IFDIR | 0700),
			 -ENAMETOOLONG);
	assert_int_equal(tree_changes(t), changes);
	/* Files may be in the deepest folder. */
	(void)make_file(t, deepest, "x");
	assert_sound(t);
	end(t);
}

static void no_rename_makes_a_tree_deeper_than_allowed(void **state)
{
	struct tree *t = ample_tree();
	struct node *root = root_of(t);
	struct node *tall = make_dir(t, root, "tall");
	struct node *deep = dig(t, root, TREE_DEPTH_MAX - 100), *f;
	uint64_t changes;

	(void)state;
	/* tall and 99 folders in it are 100. */
	(void)dig(t, tall, 99);
	f = make_file(t, deep, "f");
	(void)f;
	changes = tree_changes(t);
	assert_int_equal(rename_in(t, root, "tall", deep, "x", 0), 0);
	assert_true(tree_changes(t) > changes);
	assert_int_equal(rename_in(t, deep, "x", root, "tall", 0), 0);
	(void)make_dir(t, at_path(t, "tall/d/d/d"), "e");
	assert_int_equal(rename_in(t, root, "tall", deep, "x", 0), 0);
	assert_int_equal(rename_in(t, deep, "x", root, "tall", 0), 0);
	(void)make_dir(t, dig(t, make_dir(t, tall, "e"), 98), "f");
	changes = tree_changes(t);
	assert_int_equal(rename_in(t, root, "tall", deep, "x", 0),
			 -ENAMETOOLONG);
	assert_int_equal(rename_in(t, root, "tall", deep, "f", RENAME_EXCHANGE),
			 -ENAMETOOLONG);
	assert_int_equal(rename_in(t, deep, "f", root, "tall", RENAME_EXCHANGE),
			 -ENAMETOOLONG);
	assert_int_equal(tree_changes(t), changes);
	assert_sound(t);
	end(t);
}

static void symlink_targets_have_4095_bytes_at_most(void **state)
{
	struct tree *t = ample_tree();
	char target[PATH_MAX + 1];
	const struct tree_birth b = {.attr = {.mode = S_IFLNK | 0777},
				     .target = target};
	struct node *n = NULL;

	(void)state;
	memset(target, 't', sizeof(target));
	target[PATH_MAX] = '\0';
	assert_int_equal(tree_create(&n, t, root_of(t), "l", &b),
			 -ENAMETOOLONG);
	target[PATH_MAX - 1] = '\0';
	assert_int_equal(tree_create(&n, t, root_of(t), "l", &b), 0);
	assert_int_equal(n->attr.size, PATH_MAX - 1);
	assert_string_equal(n->target, target);
	assert_int_equal(tree_usage(t).used.bytes, PATH_MAX - 1);
	assert_int_equal(tree_unlink(t, root_of(t), "l"), 0);
	assert_int_equal(tree_usage(t).used.bytes, 0);
	end(t);
}

static void a_tree_full_of_nodes_takes_no_more(void **state)
{
	static const uint32_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO};
	struct tree *t = tree_of(1000, 4);
	struct node *root = root_of(t), *n = NULL;
	struct node *f = make_file(t, root, "f");
	uint64_t changes;

	(void)state;
	(void)make_dir(t, root, "d");
	assert_int_equal(tree_link(t, f, root, "f2"), 0);
	changes = tree_changes(t);
	for (size_t i = 0; i < COUNT(types); i++)
		assert_int_equal(try_make(&n, t, root, "x", types[i] | 0700),
				 -ENOSPC);
	assert_int_equal(tree_link(t, f, root, "x"), -ENOSPC);
	assert_null(child(t, root, "x"));
	assert_int_equal(tree_changes(t), changes);
	assert_int_equal(root->nlink, 3);
	assert_int_equal(f->nlink, 2);
	/* What goes makes room, but not before nobody uses it. */
	f->lookups = 1;
	assert_int_equal(tree_unlink(t, root, "f2"), 0);
	(void)make_file(t, root, "x");
	assert_int_equal(tree_unlink(t, root, "f"), 0);
	assert_int_equal(try_make(&n, t, root, "y", S_IFREG | 0700), -ENOSPC);
	tree_forget(t, f, 1);
	(void)make_file(t, root, "y");
	assert_sound(t);
	end(t);
}

static void a_tree_full_of_bytes_takes_no_more(void **state)
{
	static uint8_t buf[256 << 10];
	struct tree *t = tree_of(128 << 10, 100);
	struct node *root = root_of(t), *n = NULL;
	struct node *f = make_file(t, root, "f");
	const struct xattr_value v = {buf, 1000};
	uint64_t changes;

	(void)state;
	fill_random(buf, sizeof(buf), 2);
	assert_int_equal(tree_write(t, f, 0, buf, sizeof(buf)), 128 << 10);
	assert_int_equal(f->attr.size, 128 << 10);
	changes = tree_changes(t);
	f->attr.mtime.tv_sec = 1;
	assert_int_equal(tree_write(t, f, 128 << 10, buf, 1), -ENOSPC);
	assert_int_equal(try_make(&n, t, root, "l", S_IFLNK | 0777), -ENOSPC);
	assert_int_equal(tree_setxattr(t, f, "user.a", &v), -ENOSPC);
	assert_null(node_xattr_get(f, "user.a"));
	assert_int_equal(tree_changes(t), changes);
	assert_int_equal(f->attr.size, 128 << 10);
	assert_int_equal(f->attr.mtime.tv_sec, 1);
	/* Empty files take none. */
	(void)make_file(t, root, "g");
	assert_int_equal(tree_unlink(t, root, "f"), 0);
	assert_int_equal(tree_usage(t).used.bytes, 0);
	assert_sound(t);
	end(t);
}

static void only_files_take_contents(void **state)
{
	static const uint32_t types[] = {S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR};
	struct tree *t = ample_tree();
	struct node *root = root_of(t), *n = NULL;
	uint64_t changes;

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		int err = types[i] == S_IFDIR ? -EISDIR : -EINVAL;
		char name[2] = {(char)('a' + i), '\0'};

		n = make(t, root, name, types[i] | 0700);
		changes = tree_changes(t);
		assert_int_equal(tree_write(t, n, 0, (const uint8_t *)"x", 1),
				 err);
		assert_int_equal(tree_allocate(t, n, 0, 1), err);
		assert_int_equal(tree_zero(t, n, 0, 1), err);
		assert_int_equal(tree_changes(t), changes);
	}
	assert_sound(t);
	end(t);
}

/* The file goes on as it was, and so does what the tree says it uses. */
static void an_allocation_that_fails_eats_no_space(void **state)
{
	struct tree *t = tree_of(MIB, 100);
	struct node *n = make_file(t, root_of(t), "f");
	const struct attr attr = {.size = (uint64_t)1 << 30};

	(void)state;
	assert_int_equal(tree_setattr(t, n, &attr, SET_SIZE), 0);
	assert_int_equal(tree_allocate(t, n, 0, attr.size), -ENOSPC);
	assert_int_equal(tree_allocate(t, n, attr.size, 2 * MIB), -ENOSPC);
	assert_int_equal(tree_usage(t).used.bytes, 0);
	assert_int_equal(n->attr.size, attr.size);
	assert_int_equal(tree_allocate(t, n, 0, MIB), 0);
	assert_int_equal(tree_usage(t).used.bytes, MIB);
	end(t);
}

static void attributes_count_and_are_given_back(void **state)
{
	static const uint8_t buf[60000];
	static const size_t sizes[] = {0, 1, 60000, 5, 60000, 0, 77};
	struct tree *t = tree_of(100000, 100);
	struct node *f = make_file(t, root_of(t), "f");

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		const struct xattr_value v = {buf, sizes[i]};

		assert_int_equal(tree_setxattr(t, f, "user.a", &v), 0);
		assert_int_equal(node_xattr_get(f, "user.a")->len, sizes[i]);
		assert_int_equal(tree_usage(t).used.bytes, sizes[i] + 6);
	}
	assert_int_equal(tree_link(t, f, root_of(t), "g"), 0);
	assert_int_equal(tree_unlink(t, root_of(t), "f"), 0);
	assert_int_equal(tree_usage(t).used.bytes, 77 + 6);
	assert_int_equal(tree_unlink(t, root_of(t), "g"), 0);
	assert_int_equal(tree_usage(t).used.bytes, 0);
	assert_int_equal(tree_usage(t).used.nodes, 1);
	end(t);
}

/* Each of the changes, with whether it is to succeed. */
static void every_change_and_no_failure_moves_the_count(void **state)
{
	struct tree *t = ample_tree();
	struct node *root = root_of(t), *n = NULL, *f;
	const struct xattr_value v = {(const uint8_t *)"v", 1};
	struct attr attr = {.mode = 0600};
	uint64_t was = tree_changes(t);

#define moves(call)                                                            \
	do {                                                                   \
		assert_true((call) >= 0);                                      \
		assert_true(tree_changes(t) > was);                            \
		was = tree_changes(t);                                         \
	} while (0)
#define stays(call)                                                            \
	do {                                                                   \
		(void)(call);                                                  \
		assert_int_equal(tree_changes(t), was);                        \
	} while (0)
	(void)state;
	moves(try_make(&n, t, root, "f", S_IFREG | 0600));
	f = n;
	stays(try_make(&n, t, root, "f", S_IFREG | 0600));
	moves(tree_write(t, f, 0, (const uint8_t *)"x", 1));
	stays(tree_write(t, f, (uint64_t)1 << 62, (const uint8_t *)"x", 1));
	stays(tree_lookup(&n, t, root, "f"));
	stays(node_read(f, 0, (uint8_t[1]){0}, 1));
	moves(tree_setattr(t, f, &attr, SET_MODE));
	moves(tree_setattr(t, f, &attr, SET_SIZE));
	moves(tree_setxattr(t, f, "user.a", &v));
	moves(tree_link(t, f, root, "g"));
	stays(tree_link(t, f, root, "g"));
	moves(rename_in(t, root, "f", root, "h", 0));
	stays(rename_in(t, root, "f", root, "h", 0));
	stays(rename_in(t, root, "g", root, "h", 0));
	moves(rename_in(t, root, "g", root, "i", RENAME_NOREPLACE));
	moves(tree_unlink(t, root, "i"));
	stays(tree_unlink(t, root, "i"));
	moves(try_make(&n, t, root, "d", S_IFDIR | 0700));
	moves(tree_rmdir(t, root, "d"));
	stays(tree_rmdir(t, root, "d"));
	stays(tree_forget(t, f, 0));
	end(t);
#undef moves
#undef stays
}

static uint64_t weight_allowed;

static int reserve_some(uint64_t weight)
{
	return weight > weight_allowed ? -EDQUOT : 0;
}

/* What a seal would need has to be had before the tree grows. */
static void a_tree_grows_no_further_than_its_reserve(void **state)
{
	const struct tree_limits limits = {MIB, 100000, reserve_some};
	const struct attr attr = {.mode = S_IFDIR | 0700};
	static const uint8_t buf[20000];
	const struct xattr_value v = {buf, sizeof(buf)};
	struct tree *t = NULL;
	struct node *root, *n = NULL, *f;
	char name[16];
	uint64_t changes, used;
	int err = 0;

	(void)state;
	weight_allowed = 4 * MIB;
	assert_int_equal(tree_new(&t, &limits, &attr), 0);
	root = root_of(t);
	f = make_file(t, root, "f");
	for (unsigned i = 0; err == 0; i++) {
		assert_in_range(i, 0, 90000);
		changes = tree_changes(t);
		used = tree_usage(t).used.nodes;
		(void)snprintf(name, sizeof(name), "n%u", i);
		err = try_make(&n, t, root, name, S_IFREG | 0600);
	}
	assert_int_equal(err, -EDQUOT);
	assert_null(child(t, root, name));
	assert_int_equal(tree_changes(t), changes);
	assert_int_equal(tree_usage(t).used.nodes, used);
	assert_int_equal(tree_setxattr(t, f, "user.a", &v), -EDQUOT);
	assert_null(node_xattr_get(f, "user.a"));
	assert_int_equal(tree_usage(t).used.bytes, 0);
	assert_sound(t);
	/* What goes makes room. */
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(tree_unlink(t, root, name), 0);
	}
	assert_int_equal(tree_setxattr(t, f, "user.a", &v), 0);
	assert_sound(t);
	end(t);
}

/* What is loaded again lies otherwise, and has to fit all the same. */
static void a_tree_in_use_grows_only_with_slack_for_its_loading(void **state)
{
	const struct tree_limits limits = {MIB, 1000, reserve_some};
	const struct attr attr = {.mode = S_IFDIR | 0700};
	const uint8_t *x = (const uint8_t *)"x";
	const struct attr large = {.size = 4 * MIB};
	struct tree *t = NULL;
	struct node *f, *h, *n = NULL;

	(void)state;
	weight_allowed = 512 * KIB;
	assert_int_equal(tree_new(&t, &limits, &attr), 0);
	f = make_file(t, root_of(t), "f");
	write_at(t, f, 0, x, 1);
	h = make_file(t, root_of(t), "h");
	assert_int_equal(tree_setattr(t, h, &large, SET_SIZE), 0);
	tree_allocate_ahead(t);
	assert_int_equal(tree_write(t, f, 1, x, 1), -EDQUOT);
	assert_int_equal(tree_allocate(t, f, 0, 2), -EDQUOT);
	assert_int_equal(try_make(&n, t, root_of(t), "g", S_IFREG | 0600),
			 -EDQUOT);
	/* What is there can be changed, and goes. */
	write_at(t, f, 0, x, 1);
	assert_int_equal(tree_zero(t, f, 0, 1), 0);
	/* But a hole is not there yet. */
	assert_int_equal(tree_write(t, h, MIB, x, 1), -EDQUOT);
	weight_allowed = 2 * MIB;
	write_at(t, f, 1, x, 1);
	assert_int_equal(tree_unlink(t, root_of(t), "f"), 0);
	assert_sound(t);
	end(t);
}

/* Some of everything that allocates.  0, or the first error. */
static int grow_some(struct tree *t)
{
	static const uint8_t buf[100000] = {1};
	struct node *root = root_of(t), *d = NULL, *f = NULL, *l = NULL;
	const struct xattr_value v = {buf, 100};
	int err = try_make(&d, t, root, "d", S_IFDIR | 0700);

	if (err == 0)
		err = try_make(&f, t, d, "f", S_IFREG | 0600);
	if (err == 0 && tree_write(t, f, 0, buf, sizeof(buf)) < 0)
		err = -ENOMEM;
	if (err == 0)
		err = try_make(&l, t, d, "l", S_IFLNK | 0777);
	if (err == 0)
		err = tree_link(t, f, root, "g");
	if (err == 0)
		err = tree_setxattr(t, f, "user.a", &v);
	if (err == 0)
		err = tree_setxattr(t, d, "user.b", &v);
	return err;
}

static void any_allocation_may_fail_and_the_tree_stays_sound(void **state)
{
	const struct tree_limits limits = {.bytes = MIB, .nodes = 100};
	const struct attr root = {.mode = S_IFDIR | 0700};
	int err = -ENOMEM;

	(void)state;
	for (ssize_t failing = 0; err != 0; failing++) {
		struct tree *t = NULL;

		assert_in_range(failing, 0, 1000);
		mem_fail_in = failing;
		err = tree_new(&t, &limits, &root);
		if (err == 0)
			err = grow_some(t);
		mem_fail_in = -1;
		assert_true(err == 0 || err == -ENOMEM);
		if (t != NULL && child(t, root_of(t), "g") == NULL)
			assert_sound(t);
		tree_free(t);
		assert_int_equal(mem_pieces, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(names_have_255_bytes_at_most),
		counted_test(what_is_no_name_is_refused),
		counted_test(
			the_sealed_passphrase_s_name_is_never_given_at_the_root),
		counted_test(folders_lie_no_deeper_than_allowed),
		counted_test(no_rename_makes_a_tree_deeper_than_allowed),
		counted_test(symlink_targets_have_4095_bytes_at_most),
		counted_test(a_tree_full_of_nodes_takes_no_more),
		counted_test(a_tree_full_of_bytes_takes_no_more),
		counted_test(only_files_take_contents),
		counted_test(an_allocation_that_fails_eats_no_space),
		counted_test(attributes_count_and_are_given_back),
		counted_test(every_change_and_no_failure_moves_the_count),
		counted_test(a_tree_grows_no_further_than_its_reserve),
		counted_test(
			a_tree_in_use_grows_only_with_slack_for_its_loading),
		counted_test(any_allocation_may_fail_and_the_tree_stays_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
