/* SPDX-License-Identifier: MIT */
/*
 * Every system call of store_save() fails in turn.  This program's own
 * definitions stand before the C library's, so the code is the one that runs.
 */
#include "common.h"
#include "files.h"
#include "fs/store.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>

/* What is to happen to which call. */
static struct {
	bool armed;
	unsigned countdown; /* calls until the one that fails */
	int err;	    /* its errno; 0: it does half of what it should */
	unsigned seen;	    /* calls since it was armed */
	const char *failed; /* the call that was made to fail */
} fault;

/* Is this the call?  errno is set then. */
static bool is_due(const char *call)
{
	if (!fault.armed)
		return false;
	fault.seen++;
	if (fault.countdown == 0 || --fault.countdown > 0)
		return false;
	fault.failed = call;
	if (fault.err != 0)
		errno = fault.err;
	return true;
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (is_due("openat") && fault.err != 0)
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	if (is_due("write")) {
		if (fault.err == 0)
			return syscall(SYS_write, fd, buf, len / 2);
		/* Some of it went out before, but for a signal. */
		if (fault.err != EINTR)
			(void)syscall(SYS_write, fd, buf, len / 3);
		errno = fault.err;
		return -1;
	}
	return syscall(SYS_write, fd, buf, len);
}

int fchown(int fd, uid_t uid, gid_t gid)
{
	if (is_due("fchown") && fault.err != 0)
		return -1;
	return (int)syscall(SYS_fchown, fd, uid, gid);
}

int fsync(int fd)
{
	if (is_due("fsync") && fault.err != 0)
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

int close(int fd)
{
	bool due = is_due("close");
	int saved = errno, err = (int)syscall(SYS_close, fd);

	/* Linux closes in any case. */
	if (!due || fault.err == 0)
		return err;
	errno = saved;
	return -1;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (is_due("renameat") && fault.err != 0)
		return -1;
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
	if (is_due("unlinkat") && fault.err != 0)
		return -1;
	return (int)syscall(SYS_unlinkat, dir, path, flags);
}

enum { BIG = 3 * 1024 * 1024 }; /* several writes */

static uint8_t old_bytes[BIG], new_bytes[BIG + 1000], next_bytes[500];
static const struct blob old_blob = {old_bytes, sizeof(old_bytes)};
static const struct blob new_blob = {new_bytes, sizeof(new_bytes)};
static const struct blob next_blob = {next_bytes, sizeof(next_bytes)};

static bool file_is(const struct blob *want)
{
	struct blob got = slurp(in_folder("v"));
	bool same = got.len == want->len &&
		    memcmp(got.data, want->data, want->len) == 0;

	blob_free(&got);
	return same;
}

/* Save while call number nth fails with err: what store_save() says. */
static int save_with_fault(struct store *s, const struct blob *b, unsigned nth,
			   int err)
{
	int result;

	fault.failed = NULL;
	fault.seen = 0;
	fault.countdown = nth;
	fault.err = err;
	fault.armed = true;
	result = store_save(s, b);
	fault.armed = false;
	return result;
}

/* How many calls one save makes that can be made to fail. */
static unsigned calls_of_a_save(struct store *s)
{
	/* Not the first one, which has no file of its own to let go of. */
	assert_int_equal(store_save(s, &old_blob), 0);
	assert_int_equal(save_with_fault(s, &new_blob, 0, 0), 0);
	assert_in_range(fault.seen, 8, 100);
	return fault.seen;
}

static void check_failure(struct store *s, unsigned nth, int err)
{
	int result;

	assert_int_equal(store_save(s, &old_blob), 0);
	result = save_with_fault(s, &new_blob, nth, err);
	assert_non_null(fault.failed);
	if (result == 0 && !file_is(&new_blob))
		fail_msg("%s (%u), errno %d: said to be saved, but is not",
			 fault.failed, nth, err);
	if (result != 0 && !file_is(&old_blob) &&
	    !(strcmp(fault.failed, "fsync") == 0 && file_is(&new_blob)))
		fail_msg("%s (%u), errno %d: the file is neither", fault.failed,
			 nth, err);
	if (result != 0)
		assert_int_equal(result, -err);
	/* "v" and its lock. */
	if (names_in_folder() != 2 && strcmp(fault.failed, "unlinkat") != 0)
		fail_msg("%s (%u), errno %d: something is left behind",
			 fault.failed, nth, err);
	assert_int_equal(store_save(s, &next_blob), 0);
	assert_true(file_is(&next_blob));
	assert_int_equal(names_in_folder(), 2);
}

static struct store *opened(void)
{
	struct store *s = NULL;

	write_file("v", old_blob.data, old_blob.len);
	assert_int_equal(store_open(&s, in_folder("v")), 0);
	return s;
}

static void whatever_fails_the_file_is_whole(void **state)
{
	static const int errors[] = {ENOSPC, EIO, EDQUOT, EACCES, EINTR};
	struct store *s = opened();
	unsigned calls = calls_of_a_save(s);

	(void)state;
	for (unsigned nth = 1; nth <= calls; nth++)
		for (size_t i = 0; i < COUNT(errors); i++)
			check_failure(s, nth, errors[i]);
	store_close(s);
}

/* Which calls a save makes: those whose failure is to be seen must be here. */
static void each_step_of_a_save_is_made_and_its_failure_said(void **state)
{
	static const char *const steps[] = {"openat", "write", "fsync",
					    "renameat", "fchown"};
	bool failed[COUNT(steps)] = {false};
	struct store *s = opened();
	unsigned calls = calls_of_a_save(s), syncs = 0;

	(void)state;
	for (unsigned nth = 1; nth <= calls; nth++) {
		if (save_with_fault(s, &new_blob, nth, EIO) != -EIO)
			continue;
		for (size_t i = 0; i < COUNT(steps); i++)
			failed[i] |= strcmp(steps[i], fault.failed) == 0;
		syncs += strcmp(fault.failed, "fsync") == 0;
	}
	for (size_t i = 0; i < COUNT(steps); i++)
		if (!failed[i])
			fail_msg("%s: never failed", steps[i]);
	assert_int_equal(syncs, 2); /* the file and its folder */
	store_close(s);
}

static void short_writes_are_completed(void **state)
{
	struct store *s = opened();
	unsigned calls = calls_of_a_save(s), halves = 0;

	(void)state;
	for (unsigned nth = 1; nth <= calls; nth++) {
		assert_int_equal(save_with_fault(s, &new_blob, nth, 0), 0);
		assert_true(file_is(&new_blob));
		halves += strcmp(fault.failed, "write") == 0;
	}
	assert_in_range(halves, 2, 100);
	store_close(s);
}

static void an_interrupted_write_goes_on(void **state)
{
	struct store *s = opened();
	unsigned calls = calls_of_a_save(s), writes = 0;

	(void)state;
	for (unsigned nth = 1; nth <= calls; nth++) {
		int err = save_with_fault(s, &new_blob, nth, EINTR);

		if (strcmp(fault.failed, "write") != 0 &&
		    strcmp(fault.failed, "fsync") != 0)
			continue;
		assert_int_equal(err, 0);
		writes++;
	}
	assert_in_range(writes, 2, 100);
	store_close(s);
}

static void who_may_not_give_files_away_keeps_them(void **state)
{
	struct store *s = opened();
	unsigned calls = calls_of_a_save(s), chowns = 0;

	(void)state;
	for (unsigned nth = 1; nth <= calls; nth++) {
		int err = save_with_fault(s, &new_blob, nth, EPERM);

		if (strcmp(fault.failed, "fchown") != 0)
			continue;
		assert_int_equal(err, 0);
		chowns++;
	}
	assert_int_equal(chowns, 1);
	store_close(s);
}

#define in_new_folder(f)                                                       \
	cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_new_folder(whatever_fails_the_file_is_whole),
		in_new_folder(each_step_of_a_save_is_made_and_its_failure_said),
		in_new_folder(short_writes_are_completed),
		in_new_folder(an_interrupted_write_goes_on),
		in_new_folder(who_may_not_give_files_away_keeps_them),
	};

	fill_random(old_bytes, sizeof(old_bytes), 1);
	fill_random(new_bytes, sizeof(new_bytes), 2);
	fill_random(next_bytes, sizeof(next_bytes), 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
