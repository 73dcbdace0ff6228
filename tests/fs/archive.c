/* SPDX-License-Identifier: MIT */
/* Names, attributes, links and what is left out: to an archive and back. */
#include "archives.h"
#include "common.h"
#include "counting_mem.h"

#include <limits.h>

static void end(struct tree *t, struct tree *copy)
{
	struct tree_usage a = tree_usage(t), b = tree_usage(copy);

	assert_int_equal(a.used.nodes, b.used.nodes);
	assert_int_equal(a.files, b.files);
	/* What fitted while it was written fits when it is loaded. */
	assert_in_range(b.used.bytes, 0, a.used.bytes);
	tree_free(t);
	tree_free(copy);
	assert_int_equal(mem_pieces, 0);
}

static void an_empty_tree_comes_back(void **state)
{
	const struct attr root = {.mode = S_IFDIR | 01751,
				  .uid = 12,
				  .gid = 34,
				  .mtime = {1234567890, 987654321}};
	const struct tree_limits limits = {.bytes = 1000, .nodes = 10};
	struct tree *t = NULL;

	(void)state;
	assert_int_equal(tree_new(&t, &limits, &root), 0);
	end(t, assert_round_trip(t));
}

static void all_modes_come_back(void **state)
{
	struct tree *t = ample_tree();
	char name[16];

	(void)state;
	for (uint32_t mode = 0; mode <= 07777; mode += mode < 0777 ? 7 : 0111) {
		(void)snprintf(name, sizeof(name), "f%o", mode);
		make(t, root_of(t), name, S_IFREG)->attr.mode |= mode;
		(void)snprintf(name, sizeof(name), "d%o", mode);
		make(t, root_of(t), name, S_IFDIR)->attr.mode |= mode;
	}
	make_file(t, root_of(t), "all")->attr.mode |= 07777;
	root_of(t)->attr.mode = S_IFDIR | 07000;
	end(t, assert_round_trip(t));
}

static void owners_of_any_number_come_back(void **state)
{
	static const uint32_t ids[] = {
		0,	65535,	   65536,      (1 << 21) - 1,  1 << 21,
		262144, INT32_MAX, 0x80000000, UINT32_MAX - 1,
	};
	struct tree *t = ample_tree();
	char name[16];

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct node *n;

		(void)snprintf(name, sizeof(name), "%zu", i);
		n = make_file(t, root_of(t), name);
		n->attr.uid = ids[i];
		n->attr.gid = ids[COUNT(ids) - 1 - i];
	}
	end(t, assert_round_trip(t));
}

static void times_come_back_to_the_nanosecond(void **state)
{
	static const struct timespec times[] = {
		{0, 0},
		{0, 1},
		{0, 999999999},
		{1, 100000000},
		{-1, 0},
		{-2, 500000000},
		{-86400, 0},
		{INT32_MAX, 5},
		{UINT32_MAX, 0},
		{8589934592, 7},
		{8589934591, 999999999},
		{253402300800, 1},
		{-2208988800, 10},
		{INT64_C(1) << 40, 123456789},
	};
	struct tree *t = ample_tree();
	char name[16];

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		(void)snprintf(name, sizeof(name), "f%zu", i);
		make_text(t, root_of(t), name, "x")->attr.mtime = times[i];
		(void)snprintf(name, sizeof(name), "d%zu", i);
		(void)make_file(t, make_dir(t, root_of(t), name), "in");
		child(t, root_of(t), name)->attr.mtime = times[i];
		(void)snprintf(name, sizeof(name), "l%zu", i);
		make_symlink(t, root_of(t), name, "x")->attr.mtime = times[i];
	}
	root_of(t)->attr.mtime = times[6];
	end(t, assert_round_trip(t));
}

static const char *const odd_names[] = {
	" ",
	"  two  ",
	"\n",
	"a\nb\n",
	"\t",
	"-rf",
	"--",
	"-",
	"...",
	". ",
	"..a",
	"a.",
	"a..",
	"~",
	"*",
	"?",
	"\\",
	"a\\b",
	"\"",
	"'",
	"$(id)",
	"%s%n",
	"=",
	"a=b",
	"30 path=x\n",
	"\x01",
	"\x7f",
	"._apple",
	"._",
	"PaxHeader",
	"PaxHeaders.0",
	"GNUSparseFile.0",
	".DS_Store",
	"@LongLink",
	/* Composed, and decomposed: two names. */
	"\xc3\xa9",
	"e\xcc\x81",
	"\xc3\x85",
	"A\xcc\x8a",
	"\xe2\x84\xab",
	"\xed\x95\x9c",
	"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
	/* Marks in two orders, and a ligature. */
	"q\xcc\x87\xcc\xa3",
	"q\xcc\xa3\xcc\x87",
	"\xef\xac\x81",
	/* Beyond the first plane, not a character, not UTF-8 at all. */
	"\xf0\x9f\x94\x91",
	"\xef\xbf\xbf",
	"\xff",
	"\xfe\xff",
	"\xc3",
	"\xc3\x28",
	"\xed\xa0\x80",
	"\xed\xa0\x80\xed\xb0\x80",
	"\xc0\xaf",
	"\xf5\x80\x80\x80",
	"caf\xe9",
	"\x80",
	"a\xcc",
	"\xef\xbb\xbf"
	"bom",
};

static void odd_names_come_back_byte_by_byte(void **state)
{
	struct tree *t = ample_tree();
	struct node *root = root_of(t);

	(void)state;
	for (size_t i = 0; i < COUNT(odd_names); i++) {
		struct node *d = make_dir(t, root, odd_names[i]);

		(void)make_text(t, d, odd_names[i], odd_names[i]);
		(void)make_symlink(t, d, "link", odd_names[i]);
		assert_int_equal(
			tree_link(t, child(t, d, odd_names[i]), d, "hard"), 0);
	}
	end(t, assert_round_trip(t));
}

/* The forms that a name takes in a pax header with a map of holes. */
static void odd_names_of_sparse_files_come_back(void **state)
{
	static const size_t lens[] = {1, 90, 100, 150, 200, 255};
	struct tree *t = ample_tree();
	char name[DIR_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(odd_names) * COUNT(lens); i++) {
		const char *odd = odd_names[i / COUNT(lens)];
		size_t len = lens[i % COUNT(lens)];
		struct node *d;

		memset(name, 'd', len);
		name[len] = '\0';
		d = child(t, root_of(t), name);
		if (d == NULL)
			d = make_dir(t, root_of(t), name);
		write_at(t, make_file(t, d, odd), 1000000, odd, strlen(odd));
	}
	end(t, assert_round_trip(t));
}

static void long_names_come_back(void **state)
{
	struct tree *t = ample_tree();
	char name[DIR_NAME_MAX + 1];

	(void)state;
	for (size_t len = 90; len <= DIR_NAME_MAX; len++) {
		memset(name, 'n', len);
		name[len] = '\0';
		(void)make_text(t, root_of(t), name, "x");
		memset(name, 'd', len);
		(void)make_text(t, make_dir(t, root_of(t), name), "f", "y");
		/* Ends in half a character where a header field ends. */
		memset(name, 0xc3, len);
		(void)make_symlink(t, root_of(t), name, name);
	}
	end(t, assert_round_trip(t));
}

static void paths_longer_than_any_system_takes_come_back(void **state)
{
	struct tree *t = ample_tree();
	struct node *d = root_of(t), *f = make_text(t, d, "f", "text");
	char name[DIR_NAME_MAX + 1];

	(void)state;
	memset(name, 'd', DIR_NAME_MAX);
	name[DIR_NAME_MAX] = '\0';
	for (unsigned i = 0; i < 40; i++)
		d = make_dir(t, d, name);
	(void)make_text(t, d, name + 1, "deep");
	assert_int_equal(tree_link(t, f, d, "hard"), 0);
	assert_int_equal(tree_link(t, child(t, d, name + 1), d, "deep"), 0);
	(void)make_symlink(t, d, "l", name);
	write_at(t, make_file(t, d, "sparse"), MIB, "x", 1);
	end(t, assert_round_trip(t));
}

/* Whatever can be sealed must open again: here, the longest names of all. */
static void the_longest_paths_come_back(void **state)
{
	struct tree *t = ample_tree();
	struct node *d = root_of(t);
	char name[DIR_NAME_MAX + 1];

	(void)state;
	memset(name, 'd', DIR_NAME_MAX);
	name[DIR_NAME_MAX] = '\0';
	for (unsigned i = 0; i < TREE_DEPTH_MAX; i++)
		d = make_dir(t, d, name);
	(void)make_text(t, d, name, "deepest");
	name[0] = 'h';
	assert_int_equal(tree_link(t, d->dir.places[0].entry->node, d, name),
			 0);
	end(t, assert_round_trip(t));
}

static void symlinks_of_any_target_come_back(void **state)
{
	static const size_t lens[] = {1,   2,	99,  100, 101, 154,  155,
				      156, 255, 256, 257, 511, 4094, 4095};
	struct tree *t = ample_tree();
	struct node *root = root_of(t);
	char target[PATH_MAX], name[16];

	(void)state;
	for (size_t i = 0; i < COUNT(lens); i++) {
		for (unsigned byte = 'a'; byte <= 0xe9; byte += 0xe9 - 'a') {
			memset(target, (int)byte, lens[i]);
			target[lens[i]] = '\0';
			(void)snprintf(name, sizeof(name), "%zu-%u", i, byte);
			(void)make_symlink(t, root, name, target);
		}
	}
	for (size_t i = 0; i < COUNT(odd_names); i++) {
		(void)snprintf(name, sizeof(name), "odd%zu", i);
		(void)make_symlink(t, root, name, odd_names[i]);
	}
	(void)make_symlink(t, root, "abs", "/etc/passwd");
	(void)make_symlink(t, root, "up", "../../..");
	(void)make_symlink(t, root, "slash", "dir/");
	(void)make_symlink(t, root, "dots", "./a//b/.");
	end(t, assert_round_trip(t));
}

static void hard_links_come_back_as_one_file(void **state)
{
	struct tree *t = ample_tree(), *copy;
	struct node *root = root_of(t), *d = make_dir(t, root, "d"), *f, *l;

	(void)state;
	f = make_text(t, d, "one", "shared");
	l = make_symlink(t, root, "l", "target");
	assert_int_equal(tree_link(t, f, root, "two"), 0);
	assert_int_equal(tree_link(t, f, d, "three"), 0);
	assert_int_equal(tree_link(t, l, d, "l2"), 0);
	copy = assert_round_trip(t);
	f = at_path(copy, "d/one");
	assert_ptr_equal(at_path(copy, "two"), f);
	assert_ptr_equal(at_path(copy, "d/three"), f);
	assert_int_equal(f->nlink, 3);
	assert_text(f, "shared");
	assert_ptr_equal(at_path(copy, "l"), at_path(copy, "d/l2"));
	end(t, copy);
}

static void what_a_vault_does_not_keep_is_skipped_and_counted(void **state)
{
	static const uint32_t types[] = {S_IFSOCK, S_IFCHR, S_IFBLK};
	struct tree *t = ample_tree(), *copy;
	struct snapshot s = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		const char name[] = {(char)('a' + i), '\0'};

		(void)make(t, root_of(t), name, types[i] | 0600);
	}
	assert_int_equal(
		tree_link(t, child(t, root_of(t), "a"), root_of(t), "z"), 0);
	(void)make_text(t, root_of(t), "kept", "kept");
	assert_int_equal(snapshot_take(&s, t), 0);
	assert_int_equal(s.skipped, 4);
	assert_int_equal(s.count, 2);
	snapshot_release(&s);
	copy = reload(t);
	assert_int_equal(root_of(copy)->dir.count, 1);
	assert_text(child(copy, root_of(copy), "kept"), "kept");
	tree_free(t);
	tree_free(copy);
	assert_int_equal(mem_pieces, 0);
}

static void fifos_come_back(void **state)
{
	struct tree *t = ample_tree(), *copy;
	struct node *n;

	(void)state;
	(void)make(t, root_of(t), "fifo", S_IFIFO | 0640);
	assert_int_equal(tree_link(t, child(t, root_of(t), "fifo"), root_of(t),
				   "other name"),
			 0);
	copy = reload(t);
	n = child(copy, root_of(copy), "fifo");
	assert_int_equal(n->attr.mode, S_IFIFO | 0640);
	assert_ptr_equal(child(copy, root_of(copy), "other name"), n);
	end(t, copy);
}

static void many_files_come_back(void **state)
{
	struct tree *t = ample_tree();

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		char name[16];
		struct node *d;

		(void)snprintf(name, sizeof(name), "d%u", i);
		d = make_dir(t, root_of(t), name);
		for (unsigned j = 0; j < 50; j++) {
			(void)snprintf(name, sizeof(name), "f%u", j);
			(void)make_text(t, d, name, name);
		}
	}
	end(t, assert_round_trip(t));
}

/* libarchive's reader loses the sign of "-0.5", so that is never written. */
static void a_part_of_a_second_before_1970_becomes_a_whole_one(void **state)
{
	struct tree *t = ample_tree(), *back;

	(void)state;
	make_text(t, root_of(t), "f", "x")->attr.mtime =
		(struct timespec){-1, 500000000};
	back = reload(t);
	assert_int_equal(child(back, root_of(back), "f")->attr.mtime.tv_sec,
			 -1);
	assert_int_equal(child(back, root_of(back), "f")->attr.mtime.tv_nsec,
			 0);
	tree_free(t);
	tree_free(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(an_empty_tree_comes_back),
		counted_test(all_modes_come_back),
		counted_test(owners_of_any_number_come_back),
		counted_test(times_come_back_to_the_nanosecond),
		counted_test(
			a_part_of_a_second_before_1970_becomes_a_whole_one),
		counted_test(odd_names_come_back_byte_by_byte),
		counted_test(odd_names_of_sparse_files_come_back),
		counted_test(long_names_come_back),
		counted_test(paths_longer_than_any_system_takes_come_back),
		counted_test(the_longest_paths_come_back),
		counted_test(symlinks_of_any_target_come_back),
		counted_test(hard_links_come_back_as_one_file),
		counted_test(what_a_vault_does_not_keep_is_skipped_and_counted),
		counted_test(fifos_come_back),
		counted_test(many_files_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
