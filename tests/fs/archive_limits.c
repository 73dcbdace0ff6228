/* SPDX-License-Identifier: MIT */
/*
 * Whatever a tree takes can be sealed and loaded again within the same limits,
 * and an archive brings nothing that a tree would not take.
 */
#include "archives.h"
#include "common.h"
#include "counting_mem.h"
#include "fs/acl.h"
#include "fs/pax.h"
#include "headers.h"

static struct tar_report report;

static void end(struct tree *t, struct tree *copy)
{
	tree_free(t);
	tree_free(copy);
	assert_int_equal(mem_pieces, 0);
}

/* The deepest folder that there may be, of the longest names. */
static struct node *deepest(struct tree *t, char c)
{
	struct node *dir = root_of(t);
	char name[DIR_NAME_MAX + 1] = {0};

	memset(name, c, DIR_NAME_MAX);
	for (unsigned i = 0; i < TREE_DEPTH_MAX; i++)
		dir = make_dir(t, dir, name);
	return dir;
}

/* Attributes with names of two bytes, as many as n takes: their number. */
static unsigned fill_with_attributes(struct tree *t, struct node *n)
{
	const struct xattr_value empty = {NULL, 0};
	unsigned count = 0;
	char name[8] = "user.";

	for (unsigned a = 1; a < 256; a++) {
		for (unsigned b = 1; b < 256; b++) {
			int err;

			name[5] = (char)a;
			name[6] = (char)b;
			err = tree_setxattr(t, n, name, &empty);
			if (err == -ENOSPC)
				return count;
			assert_int_equal(err, 0);
			count++;
		}
	}
	return count;
}

static void as_many_small_attributes_as_a_file_takes_come_back(void **state)
{
	struct tree *t = ample_tree();
	struct node *a = deepest(t, 'a'), *b = deepest(t, 'b'), *f;
	char name[DIR_NAME_MAX + 1] = {0};

	(void)state;
	memset(name, 'f', DIR_NAME_MAX);
	f = make_file(t, a, name);
	assert_true(fill_with_attributes(t, f) > 1000);
	/* A link to it has two of the longest paths. */
	assert_int_equal(tree_link(t, f, b, name), 0);
	end(t, assert_round_trip(t));
}

static void as_many_escaped_attributes_as_a_file_takes_come_back(void **state)
{
	const struct xattr_value v = {(const uint8_t *)"v", 1};
	struct tree *t = ample_tree();
	struct node *f = make_file(t, deepest(t, 'a'), "f");
	char name[256] = "user.";
	int err = 0;

	(void)state;
	memset(name + 5, '%', 250);
	for (unsigned i = 0; err == 0; i++) {
		assert_in_range(i, 0, 2000);
		(void)snprintf(name + 251, 5, "%04u", i);
		err = tree_setxattr(t, f, name, &v);
	}
	assert_int_equal(err, -ENOSPC);
	end(t, assert_round_trip(t));
}

/* What one attribute adds to an archive is what it is charged. */
static void an_attribute_is_charged_what_its_record_takes(void **state)
{
	static const char *const names[] = {"user.a", "user.=%=%",
					    "security.x"};
	static const size_t lens[] = {0, 1, 60, 70, 78, 900, 970, 9990, 65536};
	static uint8_t value[65536];

	(void)state;
	for (size_t i = 0; i < COUNT(names) * COUNT(lens); i++) {
		const struct xattr_value v = {value, lens[i / COUNT(names)]};
		const char *name = names[i % COUNT(names)];
		struct tree *t = ample_tree();
		struct bytes b;
		uint64_t size;

		assert_int_equal(tree_setxattr(t, root_of(t), name, &v), 0);
		size = pax_xattr_size(name, value, v.len);
		assert_int_equal(root_of(t)->xattr_sealed, size);
		b = tar_of(t);
		/* Two headers, the records in whole blocks, two at the end. */
		assert_int_equal(b.len, 4 * PAX_BLOCK + pax_blocks(size));
		assert_int_equal(strtoul((char *)b.data + PAX_BLOCK, NULL, 10),
				 size);
		bytes_free(&b);
		assert_int_equal(tree_removexattr(t, root_of(t), name), 0);
		assert_int_equal(root_of(t)->xattr_sealed, 0);
		tree_free(t);
	}
}

static void a_header_that_no_reader_would_take_is_not_written(void **state)
{
	struct xattr *x = calloc(1, sizeof(*x) + 8);
	const char *name = "f";
	const struct attr attr = {.mode = S_IFREG | 0600};
	struct pax_member m = {
		.type = '0',
		.path = {.parts = &name, .count = 1},
		.attr = &attr,
		.xattrs = x,
	};
	struct bytes b = {0};

	(void)state;
	assert_non_null(x);
	memcpy(x->name, "user.a", 7);
	x->len = PAX_HEADER_MAX - 29;
	x->value = calloc(1, x->len + 1);
	assert_non_null(x->value);
	assert_int_equal(pax_xattr_size(x->name, x->value, x->len),
			 PAX_HEADER_MAX);
	assert_int_equal(pax_header(sink_of(&b), &m), 0);
	b.len = 0;
	x->len++;
	assert_int_equal(pax_header(sink_of(&b), &m), -EOVERFLOW);
	assert_int_equal(b.len, 0);
	free(x->value);
	free(x);
	bytes_free(&b);
}

static void attributes_that_xattr_7_does_not_know_are_not_taken(void **state)
{
	static uint8_t value[65537];
	struct tree *t = ample_tree();
	struct xattr_value v = {value, sizeof(value)};
	char name[257] = "user.";

	(void)state;
	assert_int_equal(tree_setxattr(t, root_of(t), "user.a", &v), -E2BIG);
	v.len = 1;
	memset(name + 5, 'n', 251);
	assert_int_equal(tree_setxattr(t, root_of(t), name, &v), -ERANGE);
	name[255] = '\0';
	assert_int_equal(tree_setxattr(t, root_of(t), name, &v), 0);
	end(t, assert_round_trip(t));
}

/* Load one file with one record: the error. */
static int load_record(const char *key, const void *value, size_t len)
{
	static const struct item one = {.name = "f", .data = "x"};
	struct bytes b = {0};
	int err;

	add_record(&b, key, value, len);
	add_item(&b, &one);
	add_end(&b);
	err = load_error_of(&b, &report);
	bytes_free(&b);
	return err;
}

static void attributes_that_no_file_may_have_are_refused(void **state)
{
	static uint8_t value[300000];
	char key[1024];
	static const struct {
		char c;
		size_t count;
	} names[] = {{'k', 0}, {'k', 251}, {'k', 700}, {'%', 251}, {'%', 700}};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		(void)snprintf(key, sizeof(key), "SCHILY.xattr.user.");
		memset(key + strlen(key), names[i].c, names[i].count);
		key[18 + names[i].count] = '\0';
		/* add_record() takes keys of up to 280 bytes. */
		if (strlen(key) > 280)
			key[280] = '\0';
		assert_int_equal(load_record(key, "v", 1), -EBADMSG);
		assert_non_null(strstr(report.problem, "attribute"));
	}
	(void)snprintf(key, sizeof(key), "SCHILY.xattr.user.");
	memset(key + 18, 'k', 250);
	key[18 + 250] = '\0';
	assert_int_equal(load_record(key, "v", 1), 0);
	assert_int_equal(load_record("SCHILY.xattr.user.a", value, 65536), 0);
	assert_int_equal(load_record("SCHILY.xattr.user.a", value, 65537),
			 -EBADMSG);
	assert_non_null(strstr(report.problem, "larger extended attributes"));
	assert_int_equal(load_record("SCHILY.xattr.user.a", value, 300000),
			 -EBADMSG);
	assert_non_null(strstr(report.problem, "larger extended attributes"));
}

/* A list of so many named users in words. */
static const char *list_of(unsigned users)
{
	static char text[20000];
	size_t at = (size_t)snprintf(text, sizeof(text), "user::rw-");

	for (unsigned i = 0; i < users; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       ",user:%u:r--", 5000 + i);
	(void)snprintf(text + at, sizeof(text) - at,
		       ",group::r--,mask::r--,other::r--");
	return text;
}

static void lists_that_the_kernel_would_not_take_are_refused(void **state)
{
	/* With four more entries and the header, 4092 bytes, then 4100. */
	const unsigned most = (ACL_MAX - ACL_HEADER) / ACL_ENTRY - 4;
	const char *text = list_of(most);

	(void)state;
	assert_int_equal(load_record("SCHILY.acl.access", text, strlen(text)),
			 0);
	text = list_of(most + 1);
	assert_int_equal(load_record("SCHILY.acl.access", text, strlen(text)),
			 -EBADMSG);
	assert_non_null(strstr(report.problem, "access control list"));
}

static void nuls_written_here_and_there_come_back(void **state)
{
	struct tree *t = tree_of(2 * MIB, 100), *copy;
	struct node *n = make_file(t, root_of(t), "f");

	(void)state;
	for (uint64_t i = 0; i < 20000; i++)
		write_at(t, n, i * BODY_EXTENT, "", 1);
	copy = reload(t);
	assert_int_equal(child(copy, root_of(copy), "f")->attr.size,
			 n->attr.size);
	end(t, copy);
}

static void a_bomb_of_zeros_is_still_bounded(void **state)
{
	static const struct item file = {.name = "f", .size = "77777777777"};
	struct bytes b = {0};
	size_t len = 0;

	(void)state;
	add_item(&b, &file);
	len = b.len;
	/* The source of one MiB more than the tree may hold, and a bit. */
	b.room = len + 4 * MIB;
	b.data = realloc(b.data, b.room);
	assert_non_null(b.data);
	memset(b.data + len, 0, 4 * MIB);
	b.len = b.room;
	assert_int_equal(load_error_of(&b, &report), -E2BIG);
	bytes_free(&b);
}

static void set_default_list(struct tree *t, struct node *dir, unsigned users)
{
	static uint8_t acl[ACL_MAX];
	struct acl_entry e = {ACL_USER_OBJ, 7, UINT32_MAX};
	struct xattr_value v = {acl, 0};
	size_t n = 0;

	acl_start(acl);
	acl_put(acl, n++, &e);
	for (unsigned i = 0; i < users; i++) {
		e = (struct acl_entry){ACL_USER, 7, 1000 + i};
		acl_put(acl, n++, &e);
	}
	e = (struct acl_entry){ACL_GROUP_OBJ, 5, UINT32_MAX};
	acl_put(acl, n++, &e);
	e = (struct acl_entry){ACL_MASK, 7, UINT32_MAX};
	acl_put(acl, n++, &e);
	e = (struct acl_entry){ACL_OTHER, 5, UINT32_MAX};
	acl_put(acl, n++, &e);
	v.len = ACL_HEADER + n * ACL_ENTRY;
	assert_int_equal(tree_setacl(t, dir, ACL_DEFAULT, &v), 0);
}

static void a_full_vault_with_a_default_list_comes_back(void **state)
{
	struct tree *t = tree_of(MIB, 1000);
	struct node *dir = make_dir(t, root_of(t), "d"), *n;
	static const uint8_t bytes[64] = {1};
	char name[16];

	(void)state;
	dir->attr.mode |= S_ISGID;
	n = make_file(t, dir, "last");
	set_default_list(t, dir, 400);
	write_at(t, n, 0, bytes, 64);
	n = make_file(t, root_of(t), "first");
	while (tree_write(t, n, n->attr.size, bytes, 64) > 0)
		;
	for (unsigned i = 0; MIB - tree_usage(t).used.bytes >= 64; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		write_at(t, make_file(t, root_of(t), name), 0, bytes, 64);
	}
	end(t, assert_round_trip(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(
			as_many_small_attributes_as_a_file_takes_come_back),
		counted_test(
			as_many_escaped_attributes_as_a_file_takes_come_back),
		counted_test(an_attribute_is_charged_what_its_record_takes),
		counted_test(a_header_that_no_reader_would_take_is_not_written),
		counted_test(
			attributes_that_xattr_7_does_not_know_are_not_taken),
		counted_test(attributes_that_no_file_may_have_are_refused),
		counted_test(lists_that_the_kernel_would_not_take_are_refused),
		counted_test(nuls_written_here_and_there_come_back),
		counted_test(a_bomb_of_zeros_is_still_bounded),
		counted_test(a_full_vault_with_a_default_list_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
