/* SPDX-License-Identifier: MIT */
/*
 * A filesystem that shows a folder, and of which the kernel keeps nothing:
 *
 *	mirror FOLDER MOUNTPOINT
 *
 * Stopped by SIGSTOP, it is a disk that does not answer.
 */
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int folder;

/* The path within the folder. */
static const char *in(const char *path)
{
	return path[1] != '\0' ? path + 1 : ".";
}

static int result(int ret)
{
	return ret < 0 ? -errno : 0;
}

static int m_getattr(const char *path, struct stat *st,
		     struct fuse_file_info *fi)
{
	(void)fi;
	return result(fstatat(folder, in(path), st, AT_SYMLINK_NOFOLLOW));
}

static int m_readdir(const char *path, void *buf, fuse_fill_dir_t fill,
		     off_t off, struct fuse_file_info *fi,
		     enum fuse_readdir_flags flags)
{
	int fd = openat(folder, in(path), O_RDONLY | O_DIRECTORY);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	(void)off;
	(void)fi;
	(void)flags;
	if (d == NULL)
		return -errno;
	while ((e = readdir(d)) != NULL)
		(void)fill(buf, e->d_name, NULL, 0, 0);
	(void)closedir(d);
	return 0;
}

static int m_open(const char *path, struct fuse_file_info *fi)
{
	int fd = openat(folder, in(path), fi->flags & ~O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	fi->direct_io = 1;
	return 0;
}

static int m_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	int fd = openat(folder, in(path), fi->flags | O_CREAT, mode);

	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	fi->direct_io = 1;
	return 0;
}

static int m_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	return result(close((int)fi->fh));
}

static int m_read(const char *path, char *buf, size_t len, off_t off,
		  struct fuse_file_info *fi)
{
	ssize_t n = pread((int)fi->fh, buf, len, off);

	(void)path;
	return n < 0 ? -errno : (int)n;
}

static int m_write(const char *path, const char *buf, size_t len, off_t off,
		   struct fuse_file_info *fi)
{
	ssize_t n = pwrite((int)fi->fh, buf, len, off);

	(void)path;
	return n < 0 ? -errno : (int)n;
}

static int m_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	(void)path;
	(void)datasync;
	return result(fsync((int)fi->fh));
}

static int m_fsyncdir(const char *path, int datasync, struct fuse_file_info *fi)
{
	(void)path;
	(void)datasync;
	(void)fi;
	return result(fsync(folder));
}

static int m_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	int fd, ret;

	if (fi != NULL)
		return result(ftruncate((int)fi->fh, size));
	fd = openat(folder, in(path), O_WRONLY);
	if (fd < 0)
		return -errno;
	ret = result(ftruncate(fd, size));
	(void)close(fd);
	return ret;
}

static int m_unlink(const char *path)
{
	return result(unlinkat(folder, in(path), 0));
}

static int m_rename(const char *from, const char *to, unsigned flags)
{
	return result(renameat2(folder, in(from), folder, in(to), flags));
}

static int m_link(const char *from, const char *to)
{
	return result(linkat(folder, in(from), folder, in(to), 0));
}

static int m_mkdir(const char *path, mode_t mode)
{
	return result(mkdirat(folder, in(path), mode));
}

static int m_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	(void)fi;
	return result(fchmodat(folder, in(path), mode, 0));
}

static int m_chown(const char *path, uid_t uid, gid_t gid,
		   struct fuse_file_info *fi)
{
	(void)fi;
	return result(
		fchownat(folder, in(path), uid, gid, AT_SYMLINK_NOFOLLOW));
}

static int m_statfs(const char *path, struct statvfs *st)
{
	(void)path;
	return result(fstatvfs(folder, st));
}

static void *m_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	(void)conn;
	config->attr_timeout = config->entry_timeout = 0;
	config->negative_timeout = 0;
	config->use_ino = 1;
	return NULL;
}

static const struct fuse_operations operations = {
	.getattr = m_getattr,
	.readdir = m_readdir,
	.open = m_open,
	.create = m_create,
	.release = m_release,
	.read = m_read,
	.write = m_write,
	.fsync = m_fsync,
	.fsyncdir = m_fsyncdir,
	.truncate = m_truncate,
	.unlink = m_unlink,
	.rename = m_rename,
	.link = m_link,
	.mkdir = m_mkdir,
	.chmod = m_chmod,
	.chown = m_chown,
	.statfs = m_statfs,
	.init = m_init,
};

int main(int argc, char *argv[])
{
	char *args[] = {argv[0], NULL, (char *)"-f", (char *)"-s", NULL};

	if (argc != 3) {
		(void)fprintf(stderr, "usage: mirror FOLDER MOUNTPOINT\n");
		return 2;
	}
	folder = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (folder < 0) {
		perror(argv[1]);
		return 1;
	}
	args[1] = argv[2];
	return fuse_main(4, args, &operations, NULL);
}
