/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FS_FILES_H
#define TZ_TESTS_FS_FILES_H

/* A folder of the test's own, and what is in it. */

#include "common.h"
#include "crypto/blob.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[PATH_MAX];

static inline int make_folder(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/tz-fs-XXXXXX",
		       tmp != NULL ? tmp : "/tmp");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *st, int type,
			     struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a name in the folder; good until the eighth call after it. */
static inline const char *in_folder(const char *name)
{
	static char paths[8][PATH_MAX + 300];
	static unsigned next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static inline void write_file(const char *name, const void *p, size_t len)
{
	FILE *f = fopen(in_folder(name), "wbe");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* All of a file at path.  The caller frees its data. */
static inline struct blob slurp(const char *path)
{
	FILE *f = fopen(path, "rbe");
	struct blob b = {0};
	struct stat st;

	if (f == NULL)
		fail_msg("%s: cannot open it", path);
	assert_int_equal(fstat(fileno(f), &st), 0);
	b.data = blob_alloc((size_t)st.st_size + 1);
	assert_non_null(b.data);
	b.len = fread(b.data, 1, (size_t)st.st_size, f);
	assert_int_equal(b.len, st.st_size);
	b.data[b.len] = '\0';
	assert_int_equal(fclose(f), 0);
	return b;
}

/* How many names the folder has besides "." and "..". */
static inline unsigned names_in_folder(void)
{
	DIR *d = opendir(folder);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n - 2;
}

static inline bool exists(const char *name)
{
	struct stat st;

	return lstat(in_folder(name), &st) == 0;
}

/* Run probe in a child: what it returned, or -1 if it died. */
static inline int in_child(int (*probe)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(60);
		_exit(probe() & 0xff);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
