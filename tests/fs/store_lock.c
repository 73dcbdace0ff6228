/* SPDX-License-Identifier: MIT */
/* Who may write a vault, and what a new one may replace. */
#include "common.h"
#include "files.h"
#include "fs/store.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static const struct blob blob = {(uint8_t *)"a new vault", 11};

/* link(2) is this program's own, so that there can be none. */
static int link_error;

int linkat(int from_dir, const char *from, int to_dir, const char *to,
	   int flags)
{
	if (link_error != 0) {
		errno = link_error;
		return -1;
	}
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

static int open_error(int (*open)(struct store **, const char *))
{
	struct store *s = NULL;
	int err = open(&s, in_folder("v"));

	store_close(s);
	return err;
}

static void who_does_not_get_the_lock_leaves_it_alone(void **state)
{
	struct store *s = NULL;

	(void)state;
	assert_int_equal(store_create(&s, in_folder("v")), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(open_error(store_create), -EAGAIN);
	assert_int_equal(store_save(s, &blob), 0);
	assert_int_equal(unlink(in_folder("v")), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(open_error(store_create), -EAGAIN);
	assert_int_equal(store_save(s, &blob), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(open_error(store_open), -EAGAIN);
	store_close(s);
	assert_int_equal(open_error(store_open), 0);
}

/* A lock on a side file that has been removed is none. */
static void a_lock_that_has_no_name_any_more_is_not_taken(void **state)
{
	struct store *s = NULL, *second = NULL;

	(void)state;
	assert_int_equal(store_create(&s, in_folder("v")), 0);
	assert_int_equal(unlink(in_folder(".v.lock")), 0);
	assert_int_equal(store_create(&second, in_folder("v")), 0);
	assert_int_equal(open_error(store_create), -EAGAIN);
	store_close(second);
	store_close(s);
}

static void a_new_vault_replaces_nothing(void **state)
{
	const struct blob other = {(uint8_t *)"another's", 9};
	struct store *s = NULL;
	struct blob got;

	(void)state;
	assert_int_equal(store_create(&s, in_folder("v")), 0);
	write_file("v", other.data, other.len);
	assert_int_equal(store_save(s, &blob), -EEXIST);
	got = slurp(in_folder("v"));
	assert_int_equal(got.len, other.len);
	blob_free(&got);
	assert_int_equal(names_in_folder(), 2);
	assert_int_equal(unlink(in_folder("v")), 0);
	assert_int_equal(store_save(s, &blob), 0);
	assert_int_equal(store_save(s, &other), 0);
	assert_int_equal(names_in_folder(), 2);
	store_close(s);
}

static void no_links_are_needed(void **state)
{
	static const int errors[] = {EPERM, EOPNOTSUPP, ENOSYS, EMLINK, 524};
	struct store *s = NULL;
	struct blob got;

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		assert_int_equal(store_create(&s, in_folder("v")), 0);
		link_error = errors[i];
		assert_int_equal(store_save(s, &blob), 0);
		store_close(s);
		/* But nothing is replaced for want of them. */
		assert_int_equal(unlink(in_folder("v")), 0);
		assert_int_equal(store_create(&s, in_folder("v")), 0);
		write_file("v", "other", 5);
		assert_int_equal(store_save(s, &blob), -EEXIST);
		got = slurp(in_folder("v"));
		assert_int_equal(got.len, 5);
		blob_free(&got);
		link_error = 0;
		store_close(s);
		assert_int_equal(unlink(in_folder("v")), 0);
	}
}

/* Root locks somebody's vault, and they can after that. */
static void the_lock_file_belongs_to_the_owner_of_the_vault(void **state)
{
	struct store *s = NULL;
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	write_file("v", "x", 1);
	assert_int_equal(chown(in_folder("v"), 65534, 65534), 0);
	assert_int_equal(store_open(&s, in_folder("v")), 0);
	store_close(s);
	assert_int_equal(stat(in_folder(".v.lock"), &st), 0);
	assert_int_equal(st.st_uid, 65534);
	/* But not one that somebody else has made. */
	assert_int_equal(unlink(in_folder(".v.lock")), 0);
	write_file("precious", "x", 1);
	assert_int_equal(link(in_folder("precious"), in_folder(".v.lock")), 0);
	assert_int_equal(store_open(&s, in_folder("v")), 0);
	store_close(s);
	assert_int_equal(stat(in_folder("precious"), &st), 0);
	assert_int_equal(st.st_uid, 0);
}

static void a_long_name_is_kept_beside_too(void **state)
{
	char name[236];
	struct store *s = NULL;
	struct blob b;

	(void)state;
	memset(name, 'v', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	write_file(name, "x", 1);
	assert_int_equal(store_open(&s, in_folder(name)), 0);
	assert_int_equal(store_load(&b, s, 10), 0);
	blob_free(&b);
	write_file("other", "y", 1);
	assert_int_equal(rename(in_folder("other"), in_folder(name)), 0);
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_commit(s), -ESTALE);
	assert_int_equal(store_commit_beside(s), 0);
	assert_true(store_is_beside(s));
	assert_int_equal(names_in_folder(), 3);
	store_close(s);
}

#define in_new_folder(f)                                                       \
	cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_new_folder(who_does_not_get_the_lock_leaves_it_alone),
		in_new_folder(a_lock_that_has_no_name_any_more_is_not_taken),
		in_new_folder(a_new_vault_replaces_nothing),
		in_new_folder(the_lock_file_belongs_to_the_owner_of_the_vault),
		in_new_folder(a_long_name_is_kept_beside_too),
		in_new_folder(no_links_are_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
