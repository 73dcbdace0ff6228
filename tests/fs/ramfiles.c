/* SPDX-License-Identifier: MIT */
/* fs/ramfiles.h: a tree as files in memory, and back. */
#include "trees.h"

#include "fs/ramfiles_impl.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct {
	struct tree *tree;
	struct loop *loop;
	struct ramfiles *files;
	unsigned changes;
	int error;
} w;

static void on_changed(void *ctx)
{
	(void)ctx;
	w.changes++;
}

static void on_failed(void *ctx, int err)
{
	(void)ctx;
	w.error = err;
}

static int allow_writers(void *ctx, int root, enum ramfiles_writers who)
{
	(void)ctx;
	(void)root;
	(void)who;
	return 0;
}

static struct ramfiles_options plain(void)
{
	return (struct ramfiles_options){
		.source = "/v/vault.tar.aes",
		.size = 16 * MIB,
		.nr_inodes = 10000,
	};
}

static int try_show(const struct ramfiles_options *o)
{
	const struct ramfiles_parts parts = {w.tree, w.loop, allow_writers,
					     NULL};
	const struct backend_events events = {.changed = on_changed,
					      .failed = on_failed};

	return ramfiles_new(&w.files, &parts, o, &events);
}

static void show(const struct ramfiles_options *o)
{
	assert_int_equal(try_show(o), 0);
}

static void hide(void)
{
	backend_end(ramfiles_backend(w.files));
	w.files = NULL;
}

static int setup(void **state)
{
	(void)state;
	w.tree = ample_tree();
	w.changes = 0;
	return loop_new(&w.loop);
}

static int teardown(void **state)
{
	(void)state;
	if (w.files != NULL)
		hide();
	loop_free(w.loop);
	tree_free(w.tree);
	return 0;
}

/* Walk once; whether the tree is another one now. */
static bool walk(bool is_deep, bool is_patient)
{
	const struct ramfiles_walk how = {is_deep, is_patient};
	bool settled, changed;

	assert_int_equal(ramfiles_collect(w.files, &how, &settled, &changed),
			 0);
	return changed;
}

static bool is_settled(void)
{
	const struct ramfiles_walk how = {.is_patient = true};
	bool settled, changed;

	assert_int_equal(ramfiles_collect(w.files, &how, &settled, &changed),
			 0);
	return settled;
}

static int at(void)
{
	return w.files->root;
}

static void put(const char *name, const char *text)
{
	int fd = openat(at(), name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t len = (ssize_t)strlen(text);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)len), len);
	(void)close(fd);
}

static struct node *find(const char *path)
{
	struct node *n = tree_node(w.tree, TREE_ROOT);
	char copy[256], *save = NULL, *part;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (part = strtok_r(copy, "/", &save); part != NULL && n != NULL;
	     part = strtok_r(NULL, "/", &save))
		if (tree_lookup(&n, w.tree, n, part) != 0)
			n = NULL;
	return n;
}

static void assert_holds(const char *path, const char *text)
{
	const struct node *n = find(path);
	uint8_t buf[256] = {0};

	assert_non_null(n);
	assert_int_equal(n->attr.size, strlen(text));
	assert_int_equal(node_read(n, 0, buf, sizeof(buf)), strlen(text));
	assert_string_equal((const char *)buf, text);
}

static void write_node(const char *path, const void *bytes, size_t len)
{
	assert_int_equal(tree_write(w.tree, find(path), 0, bytes, len), len);
}

/* A bit of everything that a vault can hold. */
static void grow_some(void)
{
	static uint8_t big[200000];
	struct node *root = root_of(w.tree), *d, *n;
	const struct xattr_value v = {(const uint8_t *)"red", 3};
	const struct attr a = {.uid = 1234,
			       .gid = 4321,
			       .mode = 04751,
			       .size = 3000000,
			       .mtime = {1000000000, 123456789},
			       .atime = {1000000001, 1}};

	d = make_dir(w.tree, root, "d");
	(void)make_dir(w.tree, d, "empty");
	(void)make(w.tree, d, "link", S_IFLNK | 0777);
	(void)make(w.tree, d, "fifo", S_IFIFO | 0640);
	n = make_file(w.tree, d, "file");
	write_node("d/file", "hello\n", 6);
	assert_int_equal(tree_setxattr(w.tree, n, "user.colour", &v), 0);
	assert_int_equal(tree_link(w.tree, n, root, "other"), 0);
	n = make_file(w.tree, root, "holes");
	assert_int_equal(tree_setattr(w.tree, n, &a,
				      SET_SIZE | SET_MODE | SET_UID | SET_GID),
			 0);
	fill_random(big, sizeof(big), 1);
	assert_int_equal(tree_write(w.tree, n, MIB, big, sizeof(big)),
			 sizeof(big));
	assert_int_equal(tree_setattr(w.tree, n, &a, SET_MTIME | SET_ATIME), 0);
	n = make_file(w.tree, root, "big");
	write_node("big", big, sizeof(big));
}

static void what_is_shown_is_what_is_read_back(void **state)
{
	const struct ramfiles_options o = plain();
	uint64_t changes;

	(void)state;
	grow_some();
	show(&o);
	changes = tree_changes(w.tree);
	assert_false(walk(true, true));
	assert_false(walk(false, true));
	assert_int_equal(tree_changes(w.tree), changes);
	assert_holds("other", "hello\n");
	assert_int_equal(find("holes")->attr.uid, 1234);
	assert_int_equal(find("holes")->attr.mode, S_IFREG | 04751);
	assert_int_equal(find("holes")->attr.mtime.tv_nsec, 123456789);
	assert_true(find("other") == find("d/file"));
	assert_true(S_ISFIFO(find("d/fifo")->attr.mode));
	assert_int_equal(tree_usage(w.tree).limit.bytes, 64 * MIB);
}

static void files_have_all_that_the_tree_has(void **state)
{
	const struct ramfiles_options o = plain();
	struct stat st;
	char buf[16] = "";

	(void)state;
	grow_some();
	show(&o);
	assert_int_equal(fstatat(at(), "holes", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04751);
	assert_int_equal(st.st_size, 3000000);
	assert_true(st.st_blocks < 1000);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(fstatat(at(), "d/file", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(readlinkat(at(), "d/link", buf, sizeof(buf)), 6);
	/* No name but these is left of the linking. */
	assert_int_equal(fstatat(at(), ".", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(st.st_nlink, 3);
}

static void changes_of_every_kind_are_found(void **state)
{
	const struct ramfiles_options o = plain();
	const struct node *big;
	uint64_t stamp;
	int fd;

	(void)state;
	grow_some();
	show(&o);
	assert_false(walk(false, true));
	stamp = body_stamp(&find("big")->body, 0);

	put("new", "text");
	assert_int_equal(renameat(at(), "d", at(), "e"), 0);
	assert_int_equal(unlinkat(at(), "other", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", at(), "out"), 0);
	assert_int_equal(fchmodat(at(), "holes", 0600, 0), 0);
	fd = openat(at(), "big", O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 150000), 1);
	(void)close(fd);
	assert_true(walk(false, true));
	assert_holds("new", "text");
	assert_holds("e/file", "hello\n");
	assert_null(find("d"));
	assert_null(find("other"));
	assert_int_equal(find("e/file")->nlink, 1);
	assert_string_equal(find("out")->target, "/etc/passwd");
	assert_int_equal(find("holes")->attr.mode, S_IFREG | 0600);
	assert_int_equal(find("holes")->attr.uid, 1234);
	/* What has not changed is still the same piece of memory. */
	big = find("big");
	assert_int_equal(body_stamp(&big->body, 0), stamp);
	assert_true(body_stamp(&big->body, 150000) != stamp);
	assert_false(walk(true, true));
}

static void swapped_names_are_followed(void **state)
{
	const struct ramfiles_options o = plain();

	(void)state;
	(void)make_dir(w.tree, root_of(w.tree), "a");
	(void)make_dir(w.tree, root_of(w.tree), "b");
	(void)make_file(w.tree, find("a"), "f");
	(void)make_file(w.tree, find("b"), "f");
	write_node("a/f", "one", 3);
	write_node("b/f", "two", 3);
	show(&o);
	assert_int_equal(renameat2(at(), "a", at(), "b", RENAME_EXCHANGE), 0);
	assert_true(walk(false, true));
	assert_holds("a/f", "two");
	assert_holds("b/f", "one");
}

/* A test of hard links alone: their number changes, and nothing else. */
static void links_are_told_from_copies(void **state)
{
	const struct ramfiles_options o = plain();

	(void)state;
	show(&o);
	put("a", "same");
	put("b", "same");
	assert_true(walk(false, true));
	assert_true(find("a") != find("b"));
	assert_int_equal(unlinkat(at(), "b", 0), 0);
	assert_int_equal(linkat(at(), "a", at(), "b", 0), 0);
	assert_true(walk(false, true));
	assert_true(find("a") == find("b"));
	assert_int_equal(find("a")->nlink, 2);
	assert_int_equal(linkat(at(), "a", at(), "c", 0), 0);
	assert_true(walk(false, true));
	assert_int_equal(find("c")->nlink, 3);
}

static void a_file_that_is_being_written_stays_as_it_was(void **state)
{
	const struct ramfiles_options o = plain();
	int fd, fresh;

	(void)state;
	(void)make_file(w.tree, root_of(w.tree), "f");
	write_node("f", "old contents", 12);
	show(&o);
	fd = openat(at(), "f", O_WRONLY | O_TRUNC);
	fresh = openat(at(), "fresh", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "ne", 2), 2);
	assert_int_equal(write(fresh, "half", 4), 4);
	assert_false(is_settled());
	assert_holds("f", "old contents");
	assert_null(find("fresh"));
	assert_int_equal(write(fd, "w", 1), 1);
	(void)close(fd);
	assert_false(is_settled());
	assert_holds("f", "new");
	/* Who has no patience gets what there is. */
	assert_true(walk(false, false));
	assert_holds("fresh", "half");
	/* And what is left alone for a moment counts, open or not. */
	assert_int_equal(write(fresh, "!", 1), 1);
	assert_false(is_settled());
	assert_holds("fresh", "half");
	(void)usleep(150000);
	assert_true(is_settled());
	assert_holds("fresh", "half!");
	(void)close(fresh);
}

static void what_was_written_through_a_mapping_is_found(void **state)
{
	const struct ramfiles_options o = plain();
	char *map;
	int fd;

	(void)state;
	(void)make_file(w.tree, root_of(w.tree), "f");
	write_node("f", "abcd", 4);
	show(&o);
	fd = openat(at(), "f", O_RDWR);
	map = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	map[0] = 'A';
	(void)usleep(150000);
	(void)walk(false, true);
	/* The page is writable by now: nothing tells of this but itself. */
	map[1] = 'B';
	(void)walk(true, true);
	assert_holds("f", "ABcd");
	map[2] = 'C';
	(void)munmap(map, 4);
	(void)close(fd);
	(void)walk(false, true);
	assert_holds("f", "ABCd");
}

static void nothing_special_is_opened_or_followed(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const struct ramfiles_options o = plain();
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	show(&o);
	assert_int_equal(mkfifoat(at(), "fifo", 0600), 0);
	assert_int_equal(symlinkat("/", at(), "root"), 0);
	assert_int_equal(symlinkat("loop", at(), "loop"), 0);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/sock",
		       at());
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	/* Who may not make devices has none to be bothered with. */
	(void)mknodat(at(), "null", S_IFCHR | 0600, 0x103);
	assert_true(walk(true, true));
	assert_true(S_ISFIFO(find("fifo")->attr.mode));
	assert_string_equal(find("root")->target, "/");
	assert_int_equal(find("root")->dir.count, 0);
	assert_true(S_ISSOCK(find("sock")->attr.mode));
	(void)close(s);
}

static void attributes_that_cannot_be_shown_stay(void **state)
{
	const struct xattr_value v = {(const uint8_t *)"red", 3};
	struct ramfiles_options o = plain();
	const struct xattr *x;

	(void)state;
	o.is_ramfs = true;
	(void)make_file(w.tree, root_of(w.tree), "f");
	assert_int_equal(tree_setxattr(w.tree, find("f"), "user.colour", &v),
			 0);
	show(&o);
	put("f", "changed");
	assert_true(walk(false, true));
	assert_holds("f", "changed");
	x = node_xattr_get(find("f"), "user.colour");
	assert_non_null(x);
	assert_int_equal(x->len, 3);
}

static void attributes_come_and_go(void **state)
{
	const struct ramfiles_options o = plain();
	int fd;

	(void)state;
	grow_some();
	show(&o);
	if (w.files->lacks[XATTR_USER])
		skip();
	fd = openat(at(), "d/file", O_RDONLY);
	assert_int_equal(fsetxattr(fd, "user.size", "xl", 2, 0), 0);
	assert_int_equal(fremovexattr(fd, "user.colour"), 0);
	(void)close(fd);
	assert_true(walk(false, true));
	assert_non_null(node_xattr_get(find("d/file"), "user.size"));
	assert_null(node_xattr_get(find("d/file"), "user.colour"));
	assert_false(walk(false, true));
}

static void a_view_changes_nothing(void **state)
{
	struct ramfiles_options o = plain();
	const struct attr a = {.mode = 0666, .uid = 7, .gid = 8};
	struct stat st;

	(void)state;
	o.view = (struct backend_view){.set_uid = true,
				       .set_gid = true,
				       .set_umask = true,
				       .uid = geteuid(),
				       .gid = getegid(),
				       .umask = 077};
	(void)make_file(w.tree, root_of(w.tree), "f");
	assert_int_equal(tree_setattr(w.tree, find("f"), &a,
				      SET_MODE | SET_UID | SET_GID),
			 0);
	show(&o);
	assert_int_equal(fstatat(at(), "f", &st, 0), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_false(walk(true, true));
	assert_int_equal(find("f")->attr.uid, 7);
	assert_int_equal(find("f")->attr.mode & 0777, 0666);
	/* ... until somebody does. */
	assert_int_equal(fchmodat(at(), "f", 0640, 0), 0);
	assert_true(walk(false, true));
	assert_int_equal(find("f")->attr.uid, 7);
	assert_int_equal(find("f")->attr.mode & 0777, 0640);
}

static void what_does_not_fit_is_said_so(void **state)
{
	struct ramfiles_options o = plain();
	static uint8_t big[200000];
	char path[256] = "";

	(void)state;
	o.size = 64 * KIB;
	(void)make_file(w.tree, root_of(w.tree), "f");
	fill_random(big, sizeof(big), 2);
	write_node("f", big, sizeof(big));
	assert_int_equal(try_show(&o), -ENOSPC);
	(void)memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	o.source = path;
	assert_int_equal(try_show(&o), -ENAMETOOLONG);
}

static void a_wipe_leaves_nothing_to_who_has_files_open(void **state)
{
	const struct ramfiles_options o = plain();
	char buf[8];
	int fd, folder;

	(void)state;
	grow_some();
	show(&o);
	fd = openat(at(), "d/file", O_RDONLY);
	folder = openat(at(), "d", O_RDONLY | O_DIRECTORY);
	ramfiles_wipe(w.files);
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), 0);
	assert_true(faccessat(folder, "file", F_OK, 0) != 0);
	assert_true(faccessat(at(), "big", F_OK, 0) != 0);
	(void)close(fd);
	(void)close(folder);
}

static void sources_say_whose_and_of_what(void **state)
{
	static const char *const others[] = {
		"tmpfs",
		"tazpodfs:",
		"tazpodfs:0",
		"tazpodfs:0:",
		"tazpodfs:0:v",
		"tazpodfs:-1:/v",
		"tazpodfs::/v",
		"tazpodfs:x:/v",
		"/v",
		"",
		"tazpodfs: 1:/v",
		"tazpodfs:4294967295:/v",
	};
	uint32_t uid = 0;
	char *source = ramfiles_source(1000, "/a b/v:1.aes");

	(void)state;
	assert_string_equal(source, "tazpodfs:1000:/a b/v:1.aes");
	assert_string_equal(ramfiles_vault(&uid, source), "/a b/v:1.aes");
	assert_int_equal(uid, 1000);
	for (size_t i = 0; i < COUNT(others); i++)
		assert_null(ramfiles_vault(&uid, others[i]));
	free(source);
}

/* Somebody who moves a file to and fro as quickly as possible. */
static atomic_bool enough;

static void *move(void *ctx)
{
	const int root = *(const int *)ctx;

	while (!atomic_load(&enough)) {
		(void)renameat(root, "a/f", root, "z/f");
		(void)renameat(root, "z/f", root, "a/f");
		(void)renameat(root, "m", root, "a/m");
		(void)renameat(root, "a/m/inside", root, "b20/inside");
		(void)renameat(root, "a/m", root, "m");
		(void)renameat(root, "b20/inside", root, "m/inside");
	}
	return NULL;
}

static void what_moves_during_a_walk_is_never_missed(void **state)
{
	const struct ramfiles_options o = plain();
	pthread_t thread;
	int root;

	(void)state;
	(void)make_dir(w.tree, root_of(w.tree), "a");
	for (int i = 0; i < 50; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "b%d", i);
		(void)make_dir(w.tree, root_of(w.tree), name);
	}
	(void)make_dir(w.tree, root_of(w.tree), "m");
	(void)make_dir(w.tree, root_of(w.tree), "z");
	(void)make_file(w.tree, find("a"), "f");
	(void)make_file(w.tree, find("m"), "inside");
	write_node("a/f", "here", 4);
	write_node("m/inside", "too", 3);
	show(&o);
	(void)walk(false, true);
	root = at();
	atomic_store(&enough, false);
	assert_int_equal(pthread_create(&thread, NULL, move, &root), 0);
	for (int i = 0; i < 300; i++) {
		(void)walk(i % 2 == 0, true);
		assert_holds(find("a/f") != NULL ? "a/f" : "z/f", "here");
		assert_holds(find("m/inside") != NULL	  ? "m/inside"
			     : find("b20/inside") != NULL ? "b20/inside"
							  : "a/m/inside",
			     "too");
	}
	atomic_store(&enough, true);
	(void)pthread_join(thread, NULL);
	(void)walk(false, true);
	assert_true((find("a/f") != NULL) != (find("z/f") != NULL));
	assert_true((find("m") != NULL) != (find("a/m") != NULL));
}

/* Walk once; its error. */
static int try_walk(bool is_patient)
{
	const struct ramfiles_walk how = {.is_patient = is_patient};
	bool settled, changed;
	int err = ramfiles_collect(w.files, &how, &settled, &changed);

	assert_false(err != 0 && settled);
	return err;
}

/* As many folders in each other as a tree may have, in one more. */
static void dig(const char *name)
{
	int fd = openat(at(), name, O_RDONLY | O_DIRECTORY), next;

	for (int i = 0; i < TREE_DEPTH_MAX; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		(void)close(fd);
		fd = next;
	}
	(void)close(fd);
}

static void what_cannot_be_taken_keeps_nothing_else_out(void **state)
{
	const struct ramfiles_options o = plain();
	char name[256];
	int fd;

	(void)state;
	(void)make_dir(w.tree, root_of(w.tree), "deep");
	(void)make_file(w.tree, root_of(w.tree), "big");
	(void)make_file(w.tree, root_of(w.tree), "moved");
	write_node("big", "old", 3);
	write_node("moved", "kept", 4);
	show(&o);
	dig("deep");
	put("small", "taken");
	assert_int_equal(try_walk(true), -ENAMETOOLONG);
	assert_holds("small", "taken");
	assert_non_null(find("deep/d/d/d"));
	/* What may be in there is not lost. */
	assert_int_equal(unlinkat(at(), "moved", 0), 0);
	assert_int_equal(try_walk(true), -ENAMETOOLONG);
	assert_holds("moved", "kept");
	assert_int_equal(renameat(at(), "deep/d", at(), "d"), 0);
	fd = openat(at(), "big", O_WRONLY);
	assert_int_equal(ftruncate(fd, INT64_MAX - 4095), 0);
	put("small", "again");
	assert_int_equal(try_walk(false), -EFBIG);
	assert_holds("big", "old");
	assert_holds("small", "again");
	assert_null(find("moved"));
	assert_int_equal(ftruncate(fd, 3), 0);
	(void)close(fd);
	assert_int_equal(try_walk(false), 0);
	if (w.files->lacks[XATTR_USER])
		return;
	/* More names than the kernel can list. */
	fd = openat(at(), "big", O_RDONLY);
	assert_int_equal(fsetxattr(fd, "user.first", "1", 1, 0), 0);
	assert_int_equal(try_walk(false), 0);
	(void)memset(name, 'x', sizeof(name));
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "user.%0250d", i);
		assert_int_equal(fsetxattr(fd, name, "", 0, 0), 0);
	}
	(void)close(fd);
	assert_int_equal(try_walk(false), -E2BIG);
	assert_non_null(node_xattr_get(find("big"), "user.first"));
}

static void a_lease_for_writing_is_waited_for(void **state)
{
	const struct ramfiles_options o = plain();
	int fd;

	(void)state;
	(void)make_file(w.tree, root_of(w.tree), "f");
	write_node("f", "old", 3);
	show(&o);
	put("f", "new");
	put("other", "taken");
	/* Who holds one is told to let go of it. */
	(void)signal(SIGIO, SIG_IGN);
	fd = openat(at(), "f", O_RDONLY);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
	assert_false(is_settled());
	assert_holds("f", "old");
	assert_holds("other", "taken");
	assert_int_equal(try_walk(false), -EAGAIN);
	assert_holds("f", "old");
	assert_int_equal(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
	(void)close(fd);
	assert_int_equal(try_walk(false), 0);
	assert_holds("f", "new");
}

/* Somebody who moves a file by a second name. */
static void *relink(void *ctx)
{
	const int root = *(const int *)ctx;

	while (!atomic_load(&enough)) {
		(void)!linkat(root, "a/f", root, "z/f", 0);
		(void)unlinkat(root, "a/f", 0);
		(void)!linkat(root, "z/f", root, "a/f", 0);
		(void)unlinkat(root, "z/f", 0);
	}
	return NULL;
}

static void what_moves_by_a_second_name_is_never_missed(void **state)
{
	const struct ramfiles_options o = plain();
	pthread_t thread;
	int root;

	(void)state;
	(void)make_dir(w.tree, root_of(w.tree), "a");
	(void)make_dir(w.tree, root_of(w.tree), "z");
	(void)make_file(w.tree, find("a"), "f");
	write_node("a/f", "here", 4);
	show(&o);
	(void)walk(false, true);
	root = at();
	atomic_store(&enough, false);
	assert_int_equal(pthread_create(&thread, NULL, relink, &root), 0);
	for (int i = 0; i < 2000; i++) {
		(void)walk(false, true);
		assert_holds(find("a/f") != NULL ? "a/f" : "z/f", "here");
	}
	atomic_store(&enough, true);
	(void)pthread_join(thread, NULL);
}

static void attributes_of_what_can_have_none_stay(void **state)
{
	const struct xattr_value v = {(const uint8_t *)"red", 3};
	struct ramfiles_options o = plain();
	struct node *root = root_of(w.tree);

	(void)state;
	(void)make(w.tree, root, "link", S_IFLNK | 0777);
	(void)make_file(w.tree, root, "z");
	assert_int_equal(tree_setxattr(w.tree, find("link"), "user.c", &v), 0);
	assert_int_equal(tree_setxattr(w.tree, find("z"), "user.c", &v), 0);
	show(&o);
	assert_int_equal(fchownat(at(), "link", 5, 5, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(walk(true, true));
	assert_non_null(node_xattr_get(find("link"), "user.c"));
	/* Others have theirs as before. */
	assert_non_null(node_xattr_get(find("z"), "user.c"));
	hide();
	o.is_ramfs = true;
	assert_int_equal(tree_setxattr(w.tree, root_of(w.tree), "user.c", &v),
			 0);
	show(&o);
	put("new", "text");
	assert_true(walk(true, true));
	assert_non_null(node_xattr_get(root_of(w.tree), "user.c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(what_is_shown_is_what_is_read_back),
		TEST(files_have_all_that_the_tree_has),
		TEST(changes_of_every_kind_are_found),
		TEST(swapped_names_are_followed),
		TEST(links_are_told_from_copies),
		TEST(a_file_that_is_being_written_stays_as_it_was),
		TEST(what_was_written_through_a_mapping_is_found),
		TEST(nothing_special_is_opened_or_followed),
		TEST(attributes_that_cannot_be_shown_stay),
		TEST(attributes_come_and_go),
		TEST(a_view_changes_nothing),
		TEST(what_does_not_fit_is_said_so),
		TEST(a_wipe_leaves_nothing_to_who_has_files_open),
		TEST(sources_say_whose_and_of_what),
		TEST(what_moves_during_a_walk_is_never_missed),
		TEST(what_cannot_be_taken_keeps_nothing_else_out),
		TEST(a_lease_for_writing_is_waited_for),
		TEST(what_moves_by_a_second_name_is_never_missed),
		TEST(attributes_of_what_can_have_none_stay),
	};

	/* It is never attached anywhere, but mounting takes the right to. */
	if (geteuid() != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
		(void)puts("1..0 # SKIP nothing can be mounted");
		return 0;
	}
	return cmocka_run_group_tests_name("ramfiles", tests, NULL, NULL);
}
