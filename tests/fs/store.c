/* SPDX-License-Identifier: MIT */
#include "fs/store.h"
#include "common.h"
#include "files.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct blob old_blob = {(uint8_t *)"the old bytes", 13};
static const struct blob new_blob = {(uint8_t *)"new", 3};

static void assert_file_is(const char *name, const struct blob *want)
{
	struct blob got = slurp(in_folder(name));

	assert_int_equal(got.len, want->len);
	assert_same_bytes(got.data, want->data, want->len);
	blob_free(&got);
}

static struct store *opened(const char *name)
{
	struct store *s = NULL;

	assert_int_equal(store_open(&s, in_folder(name)), 0);
	assert_non_null(s);
	return s;
}

static int open_error(const char *name)
{
	struct store *s = NULL;
	int err = store_open(&s, in_folder(name));

	if (err != 0)
		assert_null(s);
	store_close(s);
	return err;
}

static void what_was_saved_is_what_is_loaded(void **state)
{
	struct store *s;
	struct blob b = {0};

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	s = opened("v");
	assert_int_equal(store_load(&b, s, 100), 0);
	assert_int_equal(b.len, old_blob.len);
	assert_same_bytes(b.data, old_blob.data, b.len);
	blob_free(&b);
	assert_int_equal(store_save(s, &new_blob), 0);
	assert_file_is("v", &new_blob);
	assert_int_equal(store_load(&b, s, 100), 0);
	assert_int_equal(b.len, new_blob.len);
	blob_free(&b);
	assert_false(exists(".v.new"));
	store_close(s);
	store_close(NULL);
}

static void a_load_keeps_to_its_limit(void **state)
{
	struct store *s;
	struct blob b = {0};

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	s = opened("v");
	assert_int_equal(store_load(&b, s, old_blob.len - 1), -EFBIG);
	assert_null(b.data);
	assert_int_equal(store_load(&b, s, old_blob.len), 0);
	blob_free(&b);
	assert_int_equal(truncate(in_folder("v"), 0), 0);
	assert_int_equal(store_load(&b, s, 0), 0);
	assert_int_equal(b.len, 0);
	blob_free(&b);
	assert_int_equal(unlink(in_folder("v")), 0);
	assert_int_equal(store_load(&b, s, 100), -ENOENT);
	store_close(s);
}

static void a_large_file_is_saved_whole(void **state)
{
	struct blob b = {blob_alloc(5 * MIB + 3), 5 * MIB + 3};
	struct store *s = NULL;

	(void)state;
	assert_non_null(b.data);
	fill_random(b.data, b.len, 1);
	assert_int_equal(store_create(&s, in_folder("v")), 0);
	assert_int_equal(store_save(s, &b), 0);
	assert_file_is("v", &b);
	store_close(s);
	blob_free(&b);
}

static void a_new_file_is_for_its_owner_alone(void **state)
{
	struct store *s = NULL;
	struct stat st;
	mode_t mask = umask(0);

	(void)state;
	assert_int_equal(store_create(&s, in_folder("v")), 0);
	assert_false(exists("v"));
	assert_int_equal(store_save(s, &old_blob), 0);
	assert_int_equal(stat(in_folder("v"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	/* Others may have made it readable; a save makes it private again. */
	assert_int_equal(chmod(in_folder("v"), 0666), 0);
	assert_int_equal(store_save(s, &new_blob), 0);
	assert_int_equal(stat(in_folder("v"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	/* Who protects it against writing finds it so. */
	assert_int_equal(chmod(in_folder("v"), 0444), 0);
	assert_int_equal(store_save(s, &old_blob), 0);
	assert_int_equal(stat(in_folder("v"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0400);
	store_close(s);
	(void)umask(mask);
}

static void create_refuses_what_exists(void **state)
{
	struct store *s = NULL;

	(void)state;
	write_file("v", "x", 1);
	assert_int_equal(store_create(&s, in_folder("v")), -EEXIST);
	assert_int_equal(symlink("nothing", in_folder("l")), 0);
	assert_int_equal(store_create(&s, in_folder("l")), -EEXIST);
	assert_int_equal(store_create(&s, in_folder("no/v")), -ENOENT);
	assert_int_equal(store_create(&s, in_folder("")), -EISDIR);
	assert_null(s);
	assert_file_is("v", &(struct blob){(uint8_t *)"x", 1});
}

/* As root alone; for others it is their own. */
static void a_save_keeps_the_owner(void **state)
{
	struct store *s;
	struct stat st;
	uid_t uid = geteuid() == 0 ? 12345 : geteuid();
	gid_t gid = geteuid() == 0 ? 54321 : getegid();

	(void)state;
	write_file("v", "x", 1);
	assert_int_equal(chown(in_folder("v"), uid, gid), 0);
	s = opened("v");
	assert_int_equal(store_save(s, &new_blob), 0);
	assert_int_equal(stat(in_folder("v"), &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
	store_close(s);
}

static int try_lock(void)
{
	struct store *s = NULL;
	int err = store_open(&s, in_folder("v"));

	store_close(s);
	return -err;
}

static void one_writer_at_a_time(void **state)
{
	struct store *s, *reader = NULL;
	struct blob b = {0};

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	s = opened("v");
	assert_int_equal(open_error("v"), -EAGAIN);
	assert_int_equal(in_child(try_lock), EAGAIN);
	/* A save puts another file in its place; the lock must stay. */
	assert_int_equal(store_save(s, &new_blob), 0);
	assert_int_equal(open_error("v"), -EAGAIN);
	assert_int_equal(in_child(try_lock), EAGAIN);
	/* Readers need none. */
	assert_int_equal(store_open_readonly(&reader, in_folder("v")), 0);
	assert_int_equal(store_load(&b, reader, 100), 0);
	blob_free(&b);
	assert_int_equal(store_save(reader, &old_blob), -EROFS);
	store_close(reader);
	assert_file_is("v", &new_blob);
	store_close(s);
	assert_int_equal(in_child(try_lock), 0);
	assert_int_equal(open_error("v"), 0);
}

static void the_lock_ends_with_its_process(void **state)
{
	int ready[2], status;
	char c;
	pid_t pid;

	(void)state;
	write_file("v", "x", 1);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct store *s = NULL;

		if (store_open(&s, in_folder("v")) != 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(close(ready[1]), 0);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(open_error("v"), -EAGAIN);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(open_error("v"), 0);
	(void)close(ready[0]);
}

static void a_symlink_to_the_file_is_followed_and_stays(void **state)
{
	struct store *s;
	struct stat st;
	char real[PATH_MAX];

	(void)state;
	assert_int_equal(mkdir(in_folder("d"), 0700), 0);
	write_file("d/v", old_blob.data, old_blob.len);
	assert_int_equal(symlink("d/v", in_folder("l")), 0);
	assert_int_equal(symlink("l", in_folder("l2")), 0);
	s = opened("l2");
	assert_non_null(realpath(in_folder("d/v"), real));
	assert_string_equal(store_path(s), real);
	/* It was followed once: where it leads now does not matter. */
	assert_int_equal(unlink(in_folder("l")), 0);
	assert_int_equal(symlink("nothing", in_folder("l")), 0);
	assert_int_equal(store_save(s, &new_blob), 0);
	assert_file_is("d/v", &new_blob);
	assert_int_equal(lstat(in_folder("l2"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(open_error("d/v"), -EAGAIN);
	store_close(s);
}

static void a_relative_path_is_good_after_chdir(void **state)
{
	struct store *s = NULL;
	char *cwd = getcwd(NULL, 0);

	(void)state;
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(store_create(&s, "v"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(store_save(s, &new_blob), 0);
	store_close(s);
	assert_int_equal(chdir(cwd), 0);
	free(cwd);
	assert_file_is("v", &new_blob);
}

static void what_is_no_file_is_refused(void **state)
{
	const struct sockaddr_un none = {.sun_family = AF_UNIX};
	struct sockaddr_un at = none;
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s",
		       in_folder("sock"));
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(mkdir(in_folder("d"), 0700), 0);
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	assert_int_equal(symlink("d", in_folder("l")), 0);
	assert_int_equal(symlink("loop", in_folder("loop")), 0);
	assert_int_equal(open_error("d"), -EISDIR);
	assert_int_equal(open_error("l"), -EISDIR);
	assert_int_equal(open_error(""), -EISDIR);
	assert_int_equal(open_error("fifo"), -ENOTSUP);
	assert_int_equal(open_error("sock"), -ENOTSUP);
	assert_int_equal(open_error("loop"), -ELOOP);
	assert_int_equal(open_error("nothing"), -ENOENT);
	assert_int_equal(open_error("nothing/v"), -ENOENT);
	assert_int_equal(open_error("fifo/v"), -ENOTDIR);
	(void)close(sock);
}

static void the_root_folder_is_a_folder(void **state)
{
	struct store *s = NULL;

	(void)state;
	assert_int_equal(store_open(&s, "/"), -EISDIR);
	assert_int_equal(store_open_readonly(&s, "/"), -EISDIR);
	assert_null(s);
}

static void what_a_crash_left_behind_is_in_nobody_s_way(void **state)
{
	struct store *s;

	(void)state;
	write_file("v", old_blob.data, old_blob.len);
	write_file(".v.new", "half of", 7);
	s = opened("v");
	assert_int_equal(store_save(s, &new_blob), 0);
	assert_false(exists(".v.new"));
	/* Nor may it be led elsewhere by it. */
	assert_int_equal(symlink("victim", in_folder(".v.new")), 0);
	write_file("victim", "untouched", 9);
	assert_int_equal(store_save(s, &old_blob), 0);
	assert_file_is("victim", &(struct blob){(uint8_t *)"untouched", 9});
	assert_file_is("v", &old_blob);
	store_close(s);
}

/* The name of what was saved beside v, or "" if there is no such file. */
static void name_beside(char name[static 256])
{
	DIR *d = opendir(folder);
	const struct dirent *e;

	assert_non_null(d);
	name[0] = '\0';
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "v.conflict-", 11) == 0)
			(void)snprintf(name, 256, "%s", e->d_name);
	assert_int_equal(closedir(d), 0);
}

static int save_beside(struct store *s, const struct blob *b)
{
	const struct sink to = store_sink(s);

	assert_int_equal(store_begin(s), 0);
	assert_int_equal(to.write(to.ctx, b->data, b->len), 0);
	assert_int_equal(store_commit(s), -ESTALE);
	return store_commit_beside(s);
}

/* A store of "v", whose file somebody replaces then. */
static struct store *opened_and_replaced(const struct blob *by)
{
	struct store *s;
	struct blob b;

	write_file("v", old_blob.data, old_blob.len);
	s = opened("v");
	assert_int_equal(store_load(&b, s, 100), 0);
	blob_free(&b);
	write_file("stranger", by->data, by->len);
	assert_int_equal(rename(in_folder("stranger"), in_folder("v")), 0);
	return s;
}

static void a_stranger_in_its_place_is_left_alone(void **state)
{
	const struct blob foreign = {(uint8_t *)"a stranger's", 12};
	char name[256];
	struct store *s;

	(void)state;
	s = opened_and_replaced(&foreign);
	assert_int_equal(store_check(s), -ESTALE);
	assert_int_equal(store_save(s, &new_blob), -ESTALE);
	assert_int_equal(save_beside(s, &old_blob), 0);
	assert_int_equal(save_beside(s, &new_blob), 0);
	name_beside(name);
	assert_file_is(name, &new_blob);
	assert_file_is("v", &foreign);
	assert_false(exists(".v.new"));
	/* When its place is free again, it takes that. */
	assert_int_equal(unlink(in_folder("v")), 0);
	assert_int_equal(store_save(s, &old_blob), 0);
	assert_file_is("v", &old_blob);
	name_beside(name);
	assert_string_equal(name, "");
	/* What is there by that name and not ours stays. */
	store_close(s);
	s = opened_and_replaced(&foreign);
	assert_int_equal(save_beside(s, &new_blob), 0);
	name_beside(name);
	store_close(s);
	s = opened_and_replaced(&foreign);
	if (save_beside(s, &old_blob) == -EEXIST)
		assert_file_is(name, &new_blob);
	assert_false(exists(".v.new"));
	store_close(s);
}

static void a_lock_file_that_is_a_symlink_is_not_followed(void **state)
{
	(void)state;
	write_file("v", "x", 1);
	assert_int_equal(symlink("victim", in_folder(".v.lock")), 0);
	assert_int_equal(open_error("v"), -ELOOP);
	assert_false(exists("victim"));
}

/* Exit status of a child that could not be set up. */
enum { NO_SETUP = 99 };

/* The error of opening "v" as somebody who may not write to the folder. */
static int open_as_another(void)
{
	struct store *s = NULL;
	int err;

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return NO_SETUP;
	err = store_open(&s, in_folder("v"));
	store_close(s);
	if (err != 0)
		return -err;
	return 0;
}

static int read_as_another(void)
{
	struct store *s = NULL;
	struct blob b = {0};
	int err;

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return NO_SETUP;
	err = store_open_readonly(&s, in_folder("v"));
	if (err == 0)
		err = store_load(&b, s, 100);
	blob_free(&b);
	store_close(s);
	return -err;
}

static void a_folder_that_may_not_be_written_to_is_read_only(void **state)
{
	(void)state;
	write_file("v", "x", 1);
	assert_int_equal(chmod(in_folder("v"), 0644), 0);
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(in_child(open_as_another), EROFS);
	assert_int_equal(in_child(read_as_another), 0);
	assert_int_equal(chmod(folder, 0700), 0);
	assert_false(exists(".v.lock"));
}

/* As root, in a mount namespace of its own; otherwise through a user's. */
static int open_on_readonly_mount(void)
{
	struct store *s = NULL;
	int flags = CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER), err;

	if (unshare(flags) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(folder, folder, NULL, MS_BIND, NULL) != 0 ||
	    mount(NULL, folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) !=
		    0)
		return NO_SETUP;
	err = store_open(&s, in_folder("v"));
	store_close(s);
	return -err;
}

static int open_mount_point(void)
{
	struct store *s = NULL;
	int flags = CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER), err;

	if (unshare(flags) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(in_folder("other"), in_folder("v"), NULL, MS_BIND, NULL) != 0)
		return NO_SETUP;
	err = store_open(&s, in_folder("v"));
	store_close(s);
	return -err;
}

static void
a_mount_that_is_read_only_or_the_file_itself_is_said_so(void **state)
{
	int mounted, itself;

	(void)state;
	write_file("v", "x", 1);
	write_file("other", "x", 1);
	mounted = in_child(open_on_readonly_mount);
	itself = in_child(open_mount_point);
	/* Containers may not mount; then there is nothing to be seen. */
	if (mounted == NO_SETUP || itself == NO_SETUP) {
		print_message("cannot mount here\n");
		skip();
	}
	assert_int_equal(mounted, EROFS);
	assert_int_equal(itself, EBUSY);
}

#define in_new_folder(f)                                                       \
	cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_new_folder(what_was_saved_is_what_is_loaded),
		in_new_folder(a_load_keeps_to_its_limit),
		in_new_folder(a_large_file_is_saved_whole),
		in_new_folder(a_new_file_is_for_its_owner_alone),
		in_new_folder(create_refuses_what_exists),
		in_new_folder(a_save_keeps_the_owner),
		in_new_folder(one_writer_at_a_time),
		in_new_folder(the_lock_ends_with_its_process),
		in_new_folder(a_symlink_to_the_file_is_followed_and_stays),
		in_new_folder(a_relative_path_is_good_after_chdir),
		in_new_folder(what_is_no_file_is_refused),
		in_new_folder(the_root_folder_is_a_folder),
		in_new_folder(what_a_crash_left_behind_is_in_nobody_s_way),
		in_new_folder(a_stranger_in_its_place_is_left_alone),
		in_new_folder(a_lock_file_that_is_a_symlink_is_not_followed),
		in_new_folder(a_folder_that_may_not_be_written_to_is_read_only),
		in_new_folder(
			a_mount_that_is_read_only_or_the_file_itself_is_said_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
