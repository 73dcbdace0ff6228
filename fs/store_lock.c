/* SPDX-License-Identifier: MIT */
#include "store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ATTEMPTS = 8 };

/* The owner of the vault, or of its folder if there is none yet. */
static int find_owner(struct stat *st, const struct store *s)
{
	if (fstatat(s->dir, s->name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return fstat(s->dir, st);
}

/*
 * Open the side file.  Who makes it as root for somebody else's vault gives it
 * to them, or they could not lock it themselves any more.
 */
static int open_lock(const struct store *s)
{
	struct stat owner;
	int fd = store_openat(s->dir, s->lock_name,
			      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);

	if (fd < 0)
		return errno == EEXIST ? store_openat(s->dir, s->lock_name,
						      O_RDWR | O_NOFOLLOW)
				       : -1;
	if (geteuid() == 0 && find_owner(&owner, s) == 0)
		(void)!fchown(fd, owner.st_uid, owner.st_gid);
	return fd;
}

/* Has fd still the side file's name?  Who had it may have removed it. */
static bool is_named(const struct store *s, int fd)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 &&
	       fstatat(s->dir, s->lock_name, &named, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

int store_take_lock(struct store *s)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	for (unsigned i = 0; i < ATTEMPTS; i++) {
		int fd = open_lock(s), err;

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return errno == EACCES || errno == EPERM
				       ? -EROFS
				       : store_failed();
		if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
			err = errno == EACCES ? -EAGAIN : store_failed();
			(void)close(fd);
			return err;
		}
		if (is_named(s, fd)) {
			s->lock = fd;
			return 0;
		}
		(void)close(fd);
	}
	return -EAGAIN;
}

int store_lock_file(int fd, bool alone)
{
	/* Those who rename share it, since the side file keeps them apart. */
	struct flock whole = {.l_type = alone ? F_WRLCK : F_RDLCK,
			      .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return 0;
	/* A filesystem without such locks is no reason to refuse. */
	return errno == EAGAIN || errno == EACCES ? -EAGAIN : 0;
}

int store_take_file(struct store *s)
{
	s->file =
		store_openat(s->dir, s->name,
			     (s->is_in_place ? O_RDWR : O_RDONLY) | O_NOFOLLOW);
	if (s->file >= 0)
		return store_lock_file(s->file, s->is_in_place);
	return errno == EACCES || errno == EPERM ? -EROFS : store_failed();
}
