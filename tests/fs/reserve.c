/* SPDX-License-Identifier: MIT */
/*
 * Whatever a tree grows to can be sealed from the reserve.  In the real arena,
 * each tree in a child: it grows until no more memory can be locked, what is
 * left is used up, and then it is sealed, twice.
 */
#include "archives.h"
#include "common.h"
#include "crypto/mem.h"
#include "files.h"
#include "limit.h"

enum { LIMIT = 6 * MIB, SMALL = 16 };

static uint8_t bytes[65536];

static int count_write(void *ctx, const uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)buf;
	(void)len;
	return 0;
}

/* A seal without its cipher, which takes 64 KiB. */
static int seal(const struct tree *t)
{
	struct packer *packer = NULL;
	struct snapshot s = {0};
	uint8_t *cipher = NULL;
	enum mem_pool before;
	int err = snapshot_take(&s, t);

	before = mem_use(MEM_RESERVE);
	if (err == 0 && (cipher = mem_alloc(70 * KIB)) == NULL)
		err = -ENOMEM;
	if (err == 0)
		err = packer_new(&packer, (struct sink){count_write, NULL});
	if (err == 0)
		err = tar_dump(&s, packer_sink(packer));
	if (err == 0)
		err = packer_finish(packer);
	packer_free(packer);
	mem_free(cipher);
	(void)mem_use(before);
	snapshot_release(&s);
	return err;
}

/* Use up what is left, in pieces of every size. */
static void exhaust(void)
{
	for (size_t size = 256 * KIB; size >= SMALL; size /= 2)
		while (mem_alloc(size) != NULL)
			;
}

/* Grow by one step more: 0, or why not. */
typedef int grow_fn(struct tree *t, unsigned i);

static grow_fn *grow;

static int probe(void)
{
	const struct tree_limits limits = {1 << 30, 1 << 20, snapshot_reserve};
	const struct attr root = {.mode = S_IFDIR | 0700};
	struct tree *t = NULL;
	int err = 0;

	if (!limit_locking(LIMIT) || tree_new(&t, &limits, &root) != 0)
		return 2;
	for (unsigned i = 0; err == 0; i++)
		err = grow(t, i);
	if (err != -ENOMEM)
		return 3;
	exhaust();
	for (unsigned i = 0; i < 3; i++)
		if (seal(t) != 0)
			return 4;
	return 0;
}

static void assert_sealed(grow_fn *f)
{
	if (!LOCKS_ARE_REAL)
		skip();
	grow = f;
	assert_int_equal(in_child(probe), 0);
}

static struct node *numbered(struct tree *t, unsigned i)
{
	struct node *n = NULL;
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", i);
	if (try_make(&n, t, root_of(t), name, S_IFREG | 0600) != 0)
		return NULL;
	return n;
}

static int add_extent(struct tree *t, unsigned i)
{
	struct node *n = child(t, root_of(t), "0");
	ssize_t done;

	if (n == NULL)
		n = numbered(t, 0);
	if (n == NULL)
		return -ENOMEM;
	done = tree_write(t, n, (uint64_t)i * BODY_EXTENT, bytes, 1);
	return done < 0 ? (int)done : 0;
}

static void a_file_of_many_short_extents_can_be_sealed(void **state)
{
	(void)state;
	assert_sealed(add_extent);
}

/* So that a piece of it takes a good deal more than it has bytes. */
static int add_attributes(struct tree *t, unsigned i)
{
	const struct xattr_value v = {bytes, 2100};
	struct node *n = numbered(t, i);
	char name[16];
	int err = n != NULL ? 0 : -ENOMEM;

	for (unsigned j = 0; err == 0 && j < 20; j++) {
		(void)snprintf(name, sizeof(name), "user.%u", j);
		err = tree_setxattr(t, n, name, &v);
	}
	return err;
}

static void attributes_of_awkward_sizes_can_be_sealed(void **state)
{
	(void)state;
	assert_sealed(add_attributes);
}

static int add_large_attribute(struct tree *t, unsigned i)
{
	const struct xattr_value v = {bytes, sizeof(bytes)};
	struct node *n = numbered(t, i);

	return n != NULL ? tree_setxattr(t, n, "user.a", &v) : -ENOMEM;
}

static void the_largest_attributes_can_be_sealed(void **state)
{
	(void)state;
	assert_sealed(add_large_attribute);
}

static int add_mixed_attribute(struct tree *t, unsigned i)
{
	const struct xattr_value v = {bytes, i * 7919 % (i % 2 ? 3000 : 65000)};
	struct node *n = numbered(t, i);

	return n != NULL ? tree_setxattr(t, n, "user.a", &v) : -ENOMEM;
}

static void attributes_of_all_sizes_can_be_sealed(void **state)
{
	(void)state;
	assert_sealed(add_mixed_attribute);
}

static int add_symlink(struct tree *t, unsigned i)
{
	static char target[2101];
	const struct tree_birth b = {.attr = {.mode = S_IFLNK | 0777},
				     .target = target};
	struct node *n;
	char name[16];

	memset(target, 't', sizeof(target) - 1);
	(void)snprintf(name, sizeof(name), "%u", i);
	return tree_create(&n, t, root_of(t), name, &b);
}

static void symbolic_links_of_awkward_sizes_can_be_sealed(void **state)
{
	(void)state;
	assert_sealed(add_symlink);
}

static int add_folder(struct tree *t, unsigned i)
{
	static struct node *deepest;
	char name[DIR_NAME_MAX + 1];
	ssize_t done;

	if (i >= TREE_DEPTH_MAX) {
		if (i == TREE_DEPTH_MAX &&
		    try_make(&deepest, t, deepest, "f", S_IFREG | 0600) != 0)
			return -ENOMEM;
		/* What is large goes cold; what describes it does not. */
		done = tree_write(t, deepest, (uint64_t)i * BODY_EXTENT, bytes,
				  1);
		return done < 0 ? (int)done : 0;
	}
	if (i == 0)
		deepest = root_of(t);
	memset(name, 'n', DIR_NAME_MAX);
	name[DIR_NAME_MAX] = '\0';
	return try_make(&deepest, t, deepest, name, S_IFDIR | 0700);
}

static void a_file_with_the_longest_name_can_be_sealed(void **state)
{
	(void)state;
	assert_sealed(add_folder);
}

static int add_name(struct tree *t, unsigned i)
{
	char name[DIR_NAME_MAX + 1];
	struct node *n;

	memset(name, 'n', sizeof(name));
	(void)snprintf(name + i % (sizeof(name) - 8), 8, "%u", i);
	return try_make(&n, t, root_of(t), name,
			(i % 2 ? S_IFDIR : S_IFREG) | 0700);
}

static void names_of_all_lengths_can_be_sealed(void **state)
{
	(void)state;
	assert_sealed(add_name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_many_short_extents_can_be_sealed),
		cmocka_unit_test(attributes_of_awkward_sizes_can_be_sealed),
		cmocka_unit_test(the_largest_attributes_can_be_sealed),
		cmocka_unit_test(attributes_of_all_sizes_can_be_sealed),
		cmocka_unit_test(symbolic_links_of_awkward_sizes_can_be_sealed),
		cmocka_unit_test(a_file_with_the_longest_name_can_be_sealed),
		cmocka_unit_test(names_of_all_lengths_can_be_sealed),
	};

	memset(bytes, 'x', sizeof(bytes));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
