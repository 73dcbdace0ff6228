/* SPDX-License-Identifier: MIT */
#ifndef TZ_FUSE_H
#define TZ_FUSE_H

/*
 * A tree shown to other processes through FUSE: one libfuse session on its
 * low-level interface, one thread, and a locked buffer each way, wiped after
 * every request.
 */

#include "loop.h"
#include "saver.h"
#include "tree.h"

#include <stdbool.h>
#include <stdint.h>

struct mount;

typedef void mount_fn(void *ctx);

/* How files are shown, whatever the vault says of them. */
struct mount_view {
	bool set_uid, set_gid, set_umask;
	uint32_t uid, gid;
	uint32_t umask; /* permission bits that nobody has */
};

struct mount_options {
	const char *source;	  /* shown as the device: the vault's path */
	const char *fuse_options; /* for libfuse and the kernel, "a,b=c" */
	bool read_only;		  /* then saver is NULL */
	bool no_cache;	    /* the kernel keeps no file data: direct I/O */
	bool writeback;	    /* the kernel gathers small writes */
	bool seal_on_close; /* close(2) waits for a seal of what has changed */
	struct mount_view view;
};

/* Called under the loop's lock; changed() by the thread that serves. */
struct mount_events {
	void (*ready)(
		void *ctx);	 /* the kernel has made contact: it is usable */
	void (*gone)(void *ctx); /* unmounted from outside */
	void (*changed)(void *ctx); /* the tree has changed, and whoever did it
				       does not know yet */
	void *ctx;
};

/* What a mount shows and where changes of it go.  All borrowed. */
struct mount_parts {
	struct tree *tree;
	struct saver *saver; /* NULL: read-only, or mount_serve() will say */
	struct loop *loop;
};

/*
 * What libfuse or fusermount3(1) get of options, "a,b=c"; the caller frees it.
 * NULL: no memory.
 */
char *mount_option_list(const struct mount_options *options);

/*
 * Mount at dir, or take what has been mounted already with such a list: then
 * dir is "/dev/fd/N", with N the descriptor of the FUSE device.  Nobody is
 * answered yet: whoever looks into it waits for mount_serve().  The caller ends
 * *ret.
 *
 * Returns 0, -EINVAL if libfuse does not take the options, -ENOMEM, the -errno
 * of eventfd(2), or -ENODEV if the mount was refused; libfuse has said why on
 * standard error.  After an error, a mount that was made is dead.
 */
int mount_new(struct mount **ret, const char *dir,
	      const struct mount_parts *parts,
	      const struct mount_options *options,
	      const struct mount_events *events);

/*
 * Answer requests, in a thread of its own, with saver to save what changes.
 * 0, -ENOMEM, or the -errno of sigaction(2) or pthread_create(3).
 */
int mount_serve(struct mount *m, struct saver *saver);

/*
 * Answer every request from now on that would change the tree with -EIO, or
 * take changes again.
 */
void mount_freeze(struct mount *m, bool frozen);

/*
 * For a mount that is about to end, after the last save: answer every request
 * from now on with -EIO, and have the kernel's copies overwritten with zeros
 * and dropped, as it frees its page cache without wiping it.  Those are the
 * pages of what files hold, of the targets of links and of listings; it also
 * drops attributes, and since Linux 6.16 names.  It does not find what it has
 * dropped by itself before, nor what programs try to write after this.
 *
 * A thread does it, since the kernel may have to wait for our answers; fn is
 * called from the loop when that is over, at the latest after 10 seconds.
 * Called under the loop's lock, once.
 *
 * 0, or the -errno of what it takes: then requests are refused, nothing is
 * overwritten, and fn is not called.
 */
int mount_revoke(struct mount *m, mount_fn *fn, void *ctx);

/*
 * Have the kernel drop what it has cached of files, listings, links and
 * attributes.  What programs have written through mappings is handed over
 * before.  So whoever uses the mount after this asks again, once at least.
 *
 * A thread does it, as with mount_revoke(); fn is called from the loop when it
 * is over, at the latest after 10 seconds.  0, or the -errno of what it takes,
 * and then fn is not called.
 */
int mount_drop(struct mount *m, mount_fn *fn, void *ctx);

/* How many requests of the kernel somebody has waited for. */
uint64_t mount_requests(const struct mount *m);

/*
 * How many of those were for a file or folder; to ask how much room there is,
 * as monitors do, is not to use it.
 */
uint64_t mount_uses(const struct mount *m);

/* Answer no more requests.  NULL is a no-op.  Not under the loop's lock. */
void mount_stop(struct mount *m);

/*
 * Is the kernel's side still there?  While it is, m's device number is no other
 * mount's.
 */
bool mount_is_connected(const struct mount *m);

/*
 * As mount_stop(); then end the connection, and release m.  From then on the
 * mount is dead; to unmount it is the caller's, who knows where it is by now.
 * NULL is a no-op.
 */
void mount_end(struct mount *m);

#endif
