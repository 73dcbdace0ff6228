/* SPDX-License-Identifier: MIT */
/* How a daemon shows its tree: the best way that can be had, or what was asked
 * for. */
#include "daemon_impl.h"

#include "fs/fuse.h"
#include "fs/ramfiles.h"
#include "mounting.h"
#include "place.h"
#include "tools/machine/caps.h"
#include "usermount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Files of strangers would be closed to a user who owns the whole vault. */
static void default_view(struct backend_view *view)
{
	if (geteuid() == 0)
		return;
	if (!view->set_uid)
		view->uid = geteuid();
	if (!view->set_gid)
		view->gid = getegid();
	view->set_uid = view->set_gid = true;
}

static enum exit_code show_by_fuse(struct daemon *d,
				   const struct backend_events *events)
{
	const struct options *o = d->parts->options;
	const struct mount_parts parts = {d->tree, NULL, d->loop};
	struct mount_options options = {
		.source = store_path(d->vault.store),
		.fuse_options = o->fuse != NULL ? o->fuse : "",
		.read_only = d->vault.read_only,
		.view = o->view,
		.no_cache = o->no_cache,
		.writeback = o->writeback,
		.seal_on_close = o->seal.close,
	};

	default_view(&options.view);
	if (usermount_is_needed())
		d->rung = RUNG_FUSERMOUNT;
	else
		d->rung = caps_are_global() ? RUNG_FUSE : RUNG_FUSE_USERNS;
	return mounting_new(&d->backend, d->parts->dir, &parts, &options,
			    events);
}

static int restrict_writers(void *ctx, int root, enum ramfiles_writers who)
{
	const struct daemon *d = ctx;

	return keeper_restrict(d->keeper, root, who);
}

static enum exit_code complain(const struct daemon *d, const char *type,
			       int err)
{
	const char *dir = d->parts->dir;

	if (err == -ENOMEM)
		return msg_fail_memory(d->parts->vault);
	if (err == -ENOSPC)
		return msg_fail(EXIT_FAILED,
				"%s: does not fit into a %s of that size; "
				"mount with a larger -o size=, or nr_inodes=",
				d->parts->vault, type);
	if (err == -ENAMETOOLONG)
		return msg_fail(EXIT_MOUNT,
				"%s: its path is too long for a %s, whose name "
				"has 240 bytes or so; move it",
				d->parts->vault, type);
	return msg_fail(EXIT_MOUNT,
			"%s: cannot mount a %s: %s; 'tazpod doctor' tells what "
			"can be had here",
			dir, type, msg_error(err));
}

static int make_files(struct ramfiles **ret, struct daemon *d, bool is_ramfs,
		      const struct backend_events *events)
{
	const struct options *o = d->parts->options;
	const struct tree_usage usage = tree_usage(d->tree);
	struct ramfiles_options options = {
		.source = store_path(d->vault.store),
		.is_ramfs = is_ramfs,
		.size = usage.limit.bytes,
		.nr_inodes = usage.limit.nodes,
		.read_only = d->vault.read_only,
		.executable = o->executable,
		.allow_other = o->allow_other,
		.counts_use = o->lock.idle_ms > 0,
		.view = o->view,
	};
	const struct ramfiles_parts parts = {d->tree, d->loop, restrict_writers,
					     d};

	default_view(&options.view);
	return ramfiles_new(ret, &parts, &options, events);
}

/*
 * A tmpfs; or a ramfs, if that was asked for, or the tmpfs could be swapped out
 * although the kernel can do better, which it does for nobody but the root of
 * all.
 */
static int choose_files(struct ramfiles **ret, struct daemon *d,
			const struct backend_events *events)
{
	const enum backend_kind kind = d->parts->options->backend;
	struct ramfiles *r = NULL;
	int err = 0;

	if (kind != BACKEND_RAMFS)
		err = make_files(&r, d, false, events);
	if (err != 0)
		return err;
	if (r != NULL && (!ramfiles_is_swappable(r) || kind == BACKEND_TMPFS ||
			  caps_are_global())) {
		d->rung =
			ramfiles_is_swappable(r) ? RUNG_TMPFS_SWAP : RUNG_TMPFS;
		*ret = r;
		return 0;
	}
	if (r != NULL)
		backend_end(ramfiles_backend(r));
	d->rung = RUNG_RAMFS;
	return make_files(ret, d, true, events);
}

/* Each folder on the way down takes descriptors while files are walked. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * The mount point.  Its path has no links in it, and was seen to be a folder;
 * who may write to one above could have put a link in its place since.
 */
static int open_place(const char *dir)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char link[32], path[PATH_MAX];
	ssize_t len;

	if (fd < 0)
		return -errno;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len >= 0)
		path[len] = '\0';
	if (len >= 0 && strcmp(path, dir) == 0)
		return fd;
	(void)close(fd);
	return -ESTALE;
}

/* Without somebody who listens, others would take it for a dead one. */
static int attach(struct daemon *d, struct ramfiles *r)
{
	const struct control_ops control = daemon_ops(d);
	int dir = open_place(d->parts->dir), err;

	if (dir < 0)
		return dir;
	err = control_start(d->control, d->loop, ramfiles_device(r), &control);
	if (err == 0)
		err = ramfiles_attach(r, dir);
	if (err == 0) {
		d->mount_id = ramfiles_mount_id(r);
		d->dev = ramfiles_device(r);
	}
	(void)close(dir);
	return err;
}

static enum exit_code show_by_files(struct daemon *d,
				    const struct backend_events *events)
{
	struct ramfiles *r = NULL;
	const char *type;
	int err;

	if (d->parts->options->no_cache)
		return msg_fail(EXIT_USAGE,
				"%s: 'nocache' can be had with FUSE alone; "
				"'tazpod doctor' tells how to get that",
				d->parts->dir);
	raise_limit();
	err = choose_files(&r, d, events);
	type = d->rung == RUNG_RAMFS ? "ramfs" : "tmpfs";
	if (err != 0)
		return complain(d, type, err);
	d->backend = ramfiles_backend(r);
	err = attach(d, r);
	if (err != 0)
		return complain(d, type, err);
	if (d->rung == RUNG_TMPFS_SWAP)
		msg_say("%s: this kernel may swap out what is in a tmpfs; "
			"'tazpod status %s' tells what that means",
			d->parts->dir, d->parts->dir);
	return EXIT_DONE;
}

/* Can this process reach /dev/fuse, and is it that?  0 or -errno. */
static int try_fuse(void)
{
	enum { MISC_MAJOR = 10, FUSE_MINOR = 229 }; /* linux/miscdevice.h */
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(MISC_MAJOR, FUSE_MINOR))
		err = -ENODEV;
	(void)close(fd);
	return err;
}

static bool may_mount(void)
{
	return caps_have(CAP_SYS_ADMIN);
}

enum exit_code daemon_check(const struct options *o, const char *dir)
{
	const int fuse = try_fuse();

	if (o->backend == BACKEND_FUSE && fuse != 0)
		return msg_fail(EXIT_MOUNT,
				"/dev/fuse: %s; load the module with 'modprobe "
				"fuse', or give the container --device "
				"/dev/fuse",
				strerror(-fuse));
	if (may_mount() || o->backend == BACKEND_FUSE ||
	    (o->backend == BACKEND_AUTO && fuse == 0))
		return EXIT_DONE;
	return msg_fail(EXIT_MOUNT,
			"%s: cannot be mounted: %sthis process may not mount a "
			"tmpfs; 'tazpod run' and 'tazpod shell' may do "
			"without, and 'tazpod doctor' tells more",
			dir,
			o->backend == BACKEND_AUTO
				? "/dev/fuse is not to be had, and "
				: "");
}

/* In the best way, or in the one that was asked for. */
static enum exit_code show(struct daemon *d,
			   const struct backend_events *events)
{
	const enum backend_kind kind = d->parts->options->backend;
	enum exit_code code;

	if (kind == BACKEND_FUSE)
		return show_by_fuse(d, events);
	if (kind != BACKEND_AUTO || try_fuse() != 0)
		return show_by_files(d, events);
	code = show_by_fuse(d, events);
	/* Why FUSE was refused has been said. */
	return code == EXIT_MOUNT && may_mount() ? show_by_files(d, events)
						 : code;
}

enum exit_code daemon_show(struct daemon *d,
			   const struct backend_events *events)
{
	const struct options *o = d->parts->options;
	const char *dir = d->parts->dir;
	enum exit_code code;
	int hold = place_hold(dir);

	/* Another may have been quicker since that was seen to first. */
	if (!o->nonempty && place_is_mount(dir))
		code = place_complain_busy(dir);
	else
		code = show(d, events);
	if (hold >= 0)
		(void)close(hold);
	return code;
}
