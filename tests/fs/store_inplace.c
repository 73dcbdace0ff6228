/* SPDX-License-Identifier: MIT */
/* A vault file that is overwritten where it is. */
#include "common.h"
#include "files.h"
#include "fs/history.h"
#include "fs/inplace.h"
#include "fs/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static const struct blob old_blob = {(uint8_t *)"the old vault", 13};
static const struct blob new_blob = {(uint8_t *)"the new vault, longer", 21};

/* pwrite(2) is this program's own, so that it can fail. */
static bool fails_at_front;

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	if (fails_at_front && off == 0) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, buf, len, off);
}

static struct store *opened_in_place(void)
{
	struct store *s = NULL;
	struct blob b;

	assert_int_equal(store_open_in_place(&s, in_folder("v")), 0);
	assert_int_equal(store_load(&b, s, 100), 0);
	blob_free(&b);
	return s;
}

static bool file_is(const char *name, const struct blob *want)
{
	struct blob b = slurp(in_folder(name));
	bool same = b.len == want->len &&
		    memcmp(b.data, want->data, want->len) == 0;

	blob_free(&b);
	return same;
}

static ino_t inode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(in_folder(name), &st), 0);
	return st.st_ino;
}

static void it_stays_the_same_file(void **state)
{
	const struct history_policy all = {.keep = 5};
	struct store *s;
	struct blob b;
	ino_t ino;

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	ino = inode_of("v");
	s = opened_in_place();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(history_keep(s, &all, 1 + i), 0);
		assert_int_equal(store_save(s, &new_blob), 0);
		assert_true(file_is("v", &new_blob));
		assert_int_equal(store_size(s), new_blob.len);
		assert_int_equal(store_load(&b, s, 100), 0);
		assert_int_equal(b.len, new_blob.len);
		blob_free(&b);
		assert_int_equal(store_save(s, &old_blob), 0);
	}
	assert_true(file_is("v", &old_blob));
	assert_int_equal(inode_of("v"), ino);
	/* No lock file, no temporary, no older ones. */
	assert_int_equal(names_in_folder(), 1);
	store_close(s);
}

static void what_is_written_is_read_back_first(void **state)
{
	struct store *s;
	struct source again;
	struct sink to;
	uint8_t buf[100];

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	s = opened_in_place();
	assert_int_equal(store_begin(s), 0);
	to = store_sink(s);
	assert_int_equal(to.write(to.ctx, new_blob.data, new_blob.len), 0);
	assert_int_equal(store_reread(s, &again), 0);
	assert_int_equal(again.read(again.ctx, buf, 10), 10);
	assert_int_equal(again.read(again.ctx, buf + 10, 90),
			 new_blob.len - 10);
	assert_memory_equal(buf, new_blob.data, new_blob.len);
	assert_int_equal(again.read(again.ctx, buf, 10), 0);
	assert_true(file_is("v", &old_blob));
	store_abort(s);
	assert_true(file_is("v", &old_blob));
	store_close(s);
}

static int open_error(int (*open)(struct store **, const char *))
{
	struct store *s = NULL;
	int err = open(&s, in_folder("v"));

	store_close(s);
	return err;
}

static void it_is_locked_against_all_who_write(void **state)
{
	struct store *s = NULL;

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	s = opened_in_place();
	assert_int_equal(open_error(store_open_in_place), -EAGAIN);
	assert_int_equal(open_error(store_open), -EAGAIN);
	assert_int_equal(open_error(store_open_readonly), 0);
	store_close(s);
	assert_int_equal(store_open(&s, in_folder("v")), 0);
	assert_int_equal(open_error(store_open_in_place), -EAGAIN);
	/* Also when it is another file by now. */
	assert_int_equal(store_save(s, &new_blob), 0);
	assert_int_equal(open_error(store_open_in_place), -EAGAIN);
	store_close(s);
	assert_int_equal(open_error(store_open_in_place), 0);
}

static void what_is_not_ours_any_more_is_left_alone(void **state)
{
	struct store *s;
	char name[256] = "";
	const struct dirent *e;
	DIR *d;

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	s = opened_in_place();
	write_file("v", "another text, in place", 22);
	assert_int_equal(store_save(s, &new_blob), -ESTALE);
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_sink(s).write(store_sink(s).ctx, new_blob.data,
					     new_blob.len),
			 0);
	assert_int_equal(store_commit(s), -ESTALE);
	assert_int_equal(store_commit_beside(s), 0);
	d = opendir(in_folder("."));
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "v.conflict-", 11) == 0)
			(void)snprintf(name, sizeof(name), "%s", e->d_name);
	(void)closedir(d);
	assert_true(file_is(name, &new_blob));
	assert_int_equal(names_in_folder(), 2);
	store_close(s);
}

/* The image is whole when the front cannot be written: a journal is left. */
static void an_interrupted_save_is_finished(void **state)
{
	struct blob b;
	struct store *s;

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	s = opened_in_place();
	fails_at_front = true;
	assert_int_equal(store_save(s, &new_blob), -EIO);
	fails_at_front = false;
	assert_false(file_is("v", &new_blob));
	assert_false(file_is("v", &old_blob));
	assert_int_equal(store_check(s), 0);
	store_close(s);
	/* A reader sees the new one, and changes nothing. */
	assert_int_equal(store_open_readonly(&s, in_folder("v")), 0);
	assert_int_equal(store_load(&b, s, 100), 0);
	assert_int_equal(b.len, new_blob.len);
	assert_memory_equal(b.data, new_blob.data, b.len);
	blob_free(&b);
	assert_int_equal(store_repair(s), 0);
	store_close(s);
	assert_false(file_is("v", &new_blob));
	/* Who writes finishes it. */
	s = opened_in_place();
	assert_int_equal(store_repair(s), 0);
	assert_true(file_is("v", &new_blob));
	assert_int_equal(store_check(s), 0);
	assert_int_equal(store_save(s, &old_blob), 0);
	assert_true(file_is("v", &old_blob));
	store_close(s);
}

/* The same, and the next save comes without anything in between. */
static void a_save_after_one_that_failed_succeeds(void **state)
{
	struct store *s;

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	s = opened_in_place();
	fails_at_front = true;
	assert_int_equal(store_save(s, &new_blob), -EIO);
	assert_int_equal(store_save(s, &new_blob), -EIO);
	fails_at_front = false;
	assert_int_equal(store_save(s, &new_blob), 0);
	assert_true(file_is("v", &new_blob));
	assert_int_equal(names_in_folder(), 1);
	store_close(s);
}

#define in_new_folder(f)                                                       \
	cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_new_folder(it_stays_the_same_file),
		in_new_folder(what_is_written_is_read_back_first),
		in_new_folder(it_is_locked_against_all_who_write),
		in_new_folder(what_is_not_ours_any_more_is_left_alone),
		in_new_folder(an_interrupted_save_is_finished),
		in_new_folder(a_save_after_one_that_failed_succeeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
