/* SPDX-License-Identifier: MIT */
/*
 * What other programs make of our archives: Python's tarfile, as a file and
 * as a stream, and tar(1).  Each prints what it found in the same words.
 */
#include "archives.h"
#include "common.h"
#include "files.h"

#include <errno.h>

static uint8_t noise[200000];

/* One line per entry: what tells it from all others. */
static const char python[] =
	"import hashlib, sys, tarfile, decimal\n"
	"t = tarfile.open(sys.argv[1], sys.argv[2], encoding='utf-8',\n"
	"                 errors='surrogateescape')\n"
	"for m in t:\n"
	"    kind = ('l' if m.issym() else 'h' if m.islnk() else\n"
	"            'd' if m.isdir() else 'f')\n"
	"    data = t.extractfile(m).read() if kind == 'f' else b''\n"
	"    name = m.name.encode('utf-8', 'surrogateescape').hex()\n"
	"    link = m.linkname.encode('utf-8', 'surrogateescape').hex()\n"
	"    time = decimal.Decimal(m.pax_headers.get('mtime', str(m.mtime)))\n"
	"    print(kind, '%o' % m.mode, m.uid, m.gid,\n"
	"          int(time * 10**9), len(data),\n"
	"          hashlib.md5(data).hexdigest() if data else '-',\n"
	"          name or '-', link or '-')\n";

static void hex_of(char *out, const char *bytes)
{
	if (*bytes == '\0')
		*out++ = '-';
	for (; *bytes != '\0'; bytes++, out += 2)
		(void)snprintf(out, 3, "%02x", (unsigned char)*bytes);
	*out = '\0';
}

/* Run argv with its output into the file called out.  Its exit status. */
static int run(const char *out, const char *const argv[])
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(in_folder(out), O_WRONLY | O_CREAT | O_TRUNC,
			      0600);

		/* What they warn of is no one's concern here. */
		if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
		    freopen("/dev/null", "w", stderr) == NULL)
			_exit(126);
		(void)setenv("LC_ALL", "C.UTF-8", 1);
		/* It changes none of them. */
		(void)execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A moderately rich tree. */
static struct tree *rich_tree(void)
{
	static const char *const names[] = {
		"plain",       "two words", "-rf",	"new\nline",
		"caf\xc3\xa9", "e\xcc\x81", "\xff\xfe", "\xf0\x9f\x94\x91",
	};
	struct tree *t = ample_tree();
	struct node *root = root_of(t), *d = make_dir(t, root, "d"), *n;
	char name[DIR_NAME_MAX + 1];

	for (size_t i = 0; i < COUNT(names); i++) {
		n = make_text(t, d, names[i], names[i]);
		n->attr.mode = S_IFREG | (0601 + (uint32_t)i);
		n->attr.mtime =
			(struct timespec){1000000000 + (time_t)i, 123456789};
		(void)make_symlink(t, make_dir(t, root, names[i]), "l",
				   names[i]);
	}
	n = make_file(t, root, "noise");
	write_at(t, n, 0, noise, sizeof(noise));
	n->attr.uid = 3000000;
	n->attr.gid = 4000000000;
	assert_int_equal(tree_link(t, n, d, "hard"), 0);
	memset(name, 'n', DIR_NAME_MAX);
	name[DIR_NAME_MAX] = '\0';
	n = make_text(t, make_dir(t, make_dir(t, d, name), name), name, "deep");
	n->attr.mtime.tv_sec = (time_t)1 << 33;
	(void)make_file(t, make_dir(t, d, "empty folder"), "empty file");
	n = make_text(t, root, "setuid", "x");
	n->attr.mode |= 06000;
	n = make_file(t, root, "sparse");
	write_at(t, n, 0, noise, 100);
	write_at(t, n, MIB + 5, noise, 1000);
	n = make_file(t, root, "all hole");
	assert_int_equal(
		tree_setattr(t, n, &(struct attr){.size = 100000}, SET_SIZE),
		0);
	return t;
}

static void write_archive(const struct tree *t)
{
	struct bytes b = tar_of(t), packed = gzip_of(b.data, b.len);

	write_file("t.tar.gz", packed.data, packed.len);
	bytes_free(&b);
	bytes_free(&packed);
}

/* The line of Python's that tells of n at path; it must be there once. */
static const char *find_line(const char *all, const char *path)
{
	static char hex[5000], line[6000];
	const char *found;

	hex_of(hex, path);
	(void)snprintf(line, sizeof(line), " %s ", hex);
	found = strstr(all, line);
	if (found == NULL)
		fail_msg("%s: not found", path);
	assert_null(strstr(found + 1, line));
	while (found > all && found[-1] != '\n')
		found--;
	return found;
}

struct line {
	char kind;
	unsigned mode, uid, gid;
	long long time_ns;
	size_t len;
};

static void check_line(const char *all, const char *path, const struct node *n)
{
	struct line l;
	char kind = S_ISDIR(n->attr.mode)   ? 'd'
		    : S_ISLNK(n->attr.mode) ? 'l'
					    : 'f';

	assert_int_equal(sscanf(find_line(all, path), "%c %o %u %u %lld %zu",
				&l.kind, &l.mode, &l.uid, &l.gid, &l.time_ns,
				&l.len),
			 6);
	assert_int_equal(l.mode, n->attr.mode & 07777);
	assert_int_equal(l.uid, n->attr.uid);
	assert_int_equal(l.gid, n->attr.gid);
	assert_int_equal(l.time_ns, n->attr.mtime.tv_sec * 1000000000LL +
					    n->attr.mtime.tv_nsec);
	if (n->nlink > 1 && l.kind == 'h')
		return;
	assert_int_equal(l.kind, kind);
	if (kind == 'f')
		assert_int_equal(l.len, n->attr.size);
}

static unsigned check_lines(const char *all, char *path, size_t len,
			    const struct node *dir)
{
	unsigned count = 0;

	for (struct entry *e = dir_next(&dir->dir, 0); e != NULL;
	     e = dir_next(&dir->dir, e->cookie)) {
		size_t more = (size_t)sprintf(path + len, "%s%s",
					      len > 0 ? "/" : "", e->name);

		check_line(all, path, e->node);
		count++;
		if (S_ISDIR(e->node->attr.mode))
			count += check_lines(all, path, len + more, e->node);
	}
	return count;
}

static void python_reads(const char *mode)
{
	const char *const argv[] = {"/usr/bin/python3",	   "-c", python,
				    in_folder("t.tar.gz"), mode, NULL};
	struct tree *t = rich_tree();
	struct blob out;
	char path[5000];
	unsigned count, lines = 0;

	write_archive(t);
	assert_int_equal(run("out", argv), 0);
	out = slurp(in_folder("out"));
	count = check_lines((const char *)out.data, path, 0, root_of(t));
	for (size_t i = 0; i < out.len; i++)
		lines += out.data[i] == '\n';
	assert_int_equal(lines, count + 1); /* and the root */
	blob_free(&out);
	tree_free(t);
}

static void python_reads_it_as_a_file(void **state)
{
	(void)state;
	python_reads("r:gz");
}

static void python_reads_it_as_a_stream(void **state)
{
	(void)state;
	python_reads("r|gz");
}

static void check_extracted(const struct node *dir, char *path, size_t len)
{
	for (struct entry *e = dir_next(&dir->dir, 0); e != NULL;
	     e = dir_next(&dir->dir, e->cookie)) {
		size_t more = (size_t)sprintf(path + len, "/%s", e->name);
		const struct node *n = e->node;
		struct stat st;

		if (lstat(path, &st) != 0)
			fail_msg("%s: not extracted", path);
		assert_int_equal(st.st_mode & S_IFMT, n->attr.mode & S_IFMT);
		if (S_ISREG(n->attr.mode)) {
			struct blob b = slurp(path);
			static uint8_t want[2 * 1024 * 1024];

			assert_int_equal(b.len, n->attr.size);
			assert_int_equal(node_read(n, 0, want, sizeof(want)),
					 b.len);
			assert_same_bytes(b.data, want, b.len);
			assert_int_equal(st.st_nlink, n->nlink);
			/* Not every filesystem knows the others. */
			if (n->attr.mtime.tv_sec <= INT32_MAX)
				assert_int_equal(st.st_mtim.tv_sec,
						 n->attr.mtime.tv_sec);
			assert_int_equal(st.st_mtim.tv_nsec,
					 n->attr.mtime.tv_nsec);
			blob_free(&b);
		}
		if (S_ISDIR(n->attr.mode))
			check_extracted(n, path, len + more);
	}
}

static void tar_extracts_it(void **state)
{
	const char *const argv[] = {
		"/bin/tar", "--no-same-owner", "-xzf", in_folder("t.tar.gz"),
		"-C",	    in_folder("x"),    NULL};
	struct tree *t = rich_tree();
	char path[5000];

	(void)state;
	assert_int_equal(mkdir(in_folder("x"), 0700), 0);
	write_archive(t);
	assert_int_equal(run("out", argv), 0);
	(void)snprintf(path, sizeof(path), "%s", in_folder("x"));
	check_extracted(root_of(t), path, strlen(path));
	tree_free(t);
}

static void python_reads_times_before_1970(void **state)
{
	const char *const argv[] = {"/usr/bin/python3",	   "-c",   python,
				    in_folder("t.tar.gz"), "r:gz", NULL};
	struct tree *t = ample_tree();
	struct blob out;
	char path[500];

	(void)state;
	make_file(t, root_of(t), "a")->attr.mtime = (struct timespec){-1, 0};
	make_file(t, root_of(t), "b")->attr.mtime = (struct timespec){-100, 0};
	write_archive(t);
	assert_int_equal(run("out", argv), 0);
	out = slurp(in_folder("out"));
	(void)check_lines((const char *)out.data, path, 0, root_of(t));
	blob_free(&out);
	tree_free(t);
}

#define in_new_folder(f)                                                       \
	cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_new_folder(python_reads_it_as_a_file),
		in_new_folder(python_reads_it_as_a_stream),
		in_new_folder(tar_extracts_it),
		in_new_folder(python_reads_times_before_1970),
	};

	fill_random(noise, sizeof(noise), 8);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
