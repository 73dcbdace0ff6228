/* SPDX-License-Identifier: MIT */
/*
 * Leave nothing: the kernel frees pages without wiping them, and who has a file
 * open would go on reading it.
 */
#include "ramfiles_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Overwrite what is no hole, then have it read as empty.  buf is zeros. */
static void wipe_file(const struct ramfiles *r, int fd)
{
	off_t off = 0, end;

	while ((off = lseek(fd, off, SEEK_DATA)) >= 0) {
		end = lseek(fd, off, SEEK_HOLE);
		while (off < end) {
			size_t len = end - off < RAMFILES_STEP
					     ? (size_t)(end - off)
					     : (size_t)RAMFILES_STEP;
			ssize_t n = pwrite(fd, r->buf, len, off);

			if (n <= 0)
				break;
			off += n;
		}
		if (off < end)
			break;
	}
	(void)!ftruncate(fd, 0);
}

static void wipe_folder(const struct ramfiles *r, int fd);

static void wipe_entry(const struct ramfiles *r, int dir, const char *name)
{
	struct stat st;
	int fd = -1;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (S_ISDIR(st.st_mode)) {
		fd = openat(dir, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			wipe_folder(r, fd);
	} else if (S_ISREG(st.st_mode)) {
		fd = openat(dir, name,
			    O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			wipe_file(r, fd);
	}
	if (fd >= 0)
		(void)close(fd);
	(void)unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

static void wipe_folder(const struct ramfiles *r, int fd)
{
	DIR *d = ramfiles_list(fd);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			wipe_entry(r, fd, e->d_name);
	if (d != NULL)
		(void)closedir(d);
}

void ramfiles_wipe(struct ramfiles *r)
{
	int fd = openat(r->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	explicit_bzero(r->buf, RAMFILES_STEP);
	if (fd < 0)
		return;
	wipe_folder(r, fd);
	(void)close(fd);
}
