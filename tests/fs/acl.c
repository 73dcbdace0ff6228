/* SPDX-License-Identifier: MIT */
#include "counting_mem.h"

#include "fs/acl.h"
#include "trees.h"

enum { ENTRIES = 6, LEN = ACL_HEADER + ENTRIES * ACL_ENTRY };

/* user::rwx user:1000:rw- group::r-x group:33:rwx mask::rw- other::r-- */
static void build(uint8_t acl[LEN])
{
	static const struct acl_entry entries[ENTRIES] = {
		{ACL_USER_OBJ, 7, UINT32_MAX},	{ACL_USER, 6, 1000},
		{ACL_GROUP_OBJ, 5, UINT32_MAX}, {ACL_GROUP, 7, 33},
		{ACL_MASK, 6, UINT32_MAX},	{ACL_OTHER, 4, UINT32_MAX},
	};

	acl_start(acl);
	for (size_t i = 0; i < ENTRIES; i++)
		acl_put(acl, i, &entries[i]);
}

/* user::rw- group::r-- other::--- */
static void build_plain(uint8_t acl[LEN], size_t *len)
{
	static const struct acl_entry entries[] = {
		{ACL_USER_OBJ, 6, UINT32_MAX},
		{ACL_GROUP_OBJ, 4, UINT32_MAX},
		{ACL_OTHER, 0, UINT32_MAX},
	};

	acl_start(acl);
	for (size_t i = 0; i < COUNT(entries); i++)
		acl_put(acl, i, &entries[i]);
	*len = ACL_HEADER + COUNT(entries) * ACL_ENTRY;
}

static void assert_words(const uint8_t acl[LEN], const char *want)
{
	char text[ENTRIES * ACL_TEXT_ENTRY + 1], *to = text;

	for (size_t i = 0; i < acl_count(LEN); i++) {
		to += acl_to_text(to, acl, i);
		*to++ = ',';
	}
	to[-1] = '\0';
	assert_string_equal(text, want);
}

static void says_what_it_is_in_words(void **state)
{
	uint8_t acl[LEN];

	(void)state;
	build(acl);
	assert_words(acl, "user::rwx,user:1000:rw-,group::r-x,"
			  "group:33:rwx,mask::rw-,other::r--");
}

static void refuses_what_is_no_list(void **state)
{
	uint8_t acl[LEN];
	struct acl_entry e = {ACL_MASK, 9, 0};

	(void)state;
	build(acl);
	assert_true(acl_is_valid(acl, LEN));
	for (size_t len = 0; len < LEN; len++)
		if (len < ACL_HEADER || (len - ACL_HEADER) % ACL_ENTRY != 0)
			assert_false(acl_is_valid(acl, len));
	/* Without other:: it is no list. */
	assert_false(acl_is_valid(acl, LEN - ACL_ENTRY));
	acl_put(acl, 4, &e);
	assert_false(acl_is_valid(acl, LEN));
	/* Of users and groups there may be several, of the others not. */
	e = (struct acl_entry){ACL_MASK, 7, UINT32_MAX};
	acl_put(acl, 1, &e);
	acl_put(acl, 4, &e);
	assert_false(acl_is_valid(acl, LEN));
	build(acl);
	e = (struct acl_entry){ACL_USER | ACL_GROUP, 7, 0};
	acl_put(acl, 4, &e);
	assert_false(acl_is_valid(acl, LEN));
	build(acl);
	acl[0] = 3;
	assert_false(acl_is_valid(acl, LEN));
}

static void the_mask_stands_for_the_group_in_the_mode(void **state)
{
	uint8_t acl[LEN];
	size_t len;

	(void)state;
	build(acl);
	assert_false(acl_is_mode(acl, LEN));
	assert_int_equal(acl_to_mode(acl, LEN, S_IFREG | 04000),
			 S_IFREG | 04764);
	build_plain(acl, &len);
	assert_true(acl_is_mode(acl, len));
	assert_int_equal(acl_to_mode(acl, len, S_IFREG | 0777), S_IFREG | 0640);
}

static void chmod_changes_owner_mask_and_other_alone(void **state)
{
	uint8_t acl[LEN];

	(void)state;
	build(acl);
	acl_chmod(acl, LEN, 0571);
	assert_words(acl, "user::r-x,user:1000:rw-,group::r-x,"
			  "group:33:rwx,mask::rwx,other::--x");
}

static void what_is_made_gets_no_more_than_asked_for(void **state)
{
	uint8_t acl[LEN];

	(void)state;
	build(acl);
	assert_int_equal(acl_inherit(acl, LEN, S_IFREG | 0650), S_IFREG | 0640);
	assert_words(acl, "user::rw-,user:1000:rw-,group::r-x,"
			  "group:33:rwx,mask::r--,other::---");
}

static void a_default_list_rules_and_else_the_umask(void **state)
{
	struct tree *t = ample_tree();
	struct node *d = make_dir(t, root_of(t), "d"), *n;
	struct tree_birth b = {.attr = {.mode = S_IFREG | 0666}, .umask = 077};
	uint8_t acl[LEN];
	const struct xattr_value value = {acl, LEN};

	(void)state;
	build(acl);
	assert_int_equal(tree_create(&n, t, d, "masked", &b), 0);
	assert_int_equal(n->attr.mode, S_IFREG | 0600);
	assert_int_equal(tree_setacl(t, d, ACL_DEFAULT, &value), 0);
	assert_int_equal(tree_create(&n, t, d, "f", &b), 0);
	assert_int_equal(n->attr.mode, S_IFREG | 0664);
	assert_non_null(node_xattr_get(n, ACL_ACCESS));
	assert_null(node_xattr_get(n, ACL_DEFAULT));
	b.attr.mode = S_IFDIR | 0777;
	assert_int_equal(tree_create(&n, t, d, "sub", &b), 0);
	assert_non_null(node_xattr_get(n, ACL_DEFAULT));
	assert_int_equal(tree_setacl(t, child(t, d, "f"), ACL_DEFAULT, &value),
			 -EACCES);
	tree_free(t);
}

static void a_list_that_says_no_more_than_the_mode_is_not_kept(void **state)
{
	struct tree *t = ample_tree();
	struct node *n = make_file(t, root_of(t), "f");
	uint8_t acl[LEN];
	struct xattr_value value = {acl, LEN};
	uint64_t used = tree_usage(t).used.bytes;

	(void)state;
	build(acl);
	assert_int_equal(tree_setacl(t, n, ACL_ACCESS, &value), 0);
	assert_int_equal(n->attr.mode & 0777, 0764);
	assert_true(tree_usage(t).used.bytes > used);
	build_plain(acl, &value.len);
	assert_int_equal(tree_setacl(t, n, ACL_ACCESS, &value), 0);
	assert_null(node_xattr_get(n, ACL_ACCESS));
	assert_int_equal(n->attr.mode & 0777, 0640);
	assert_int_equal(tree_usage(t).used.bytes, used);
	tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(says_what_it_is_in_words),
		counted_test(refuses_what_is_no_list),
		counted_test(the_mask_stands_for_the_group_in_the_mode),
		counted_test(chmod_changes_owner_mask_and_other_alone),
		counted_test(what_is_made_gets_no_more_than_asked_for),
		counted_test(a_default_list_rules_and_else_the_umask),
		counted_test(
			a_list_that_says_no_more_than_the_mode_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
