/* SPDX-License-Identifier: MIT */
#ifndef TZ_FUSE_H
#define TZ_FUSE_H

/*
 * A tree shown to other processes through FUSE: one libfuse session on its
 * low-level interface, one thread, and a locked buffer each way, wiped after
 * every request.
 */

#include "backend.h"
#include "loop.h"
#include "tree.h"

#include <stdbool.h>
#include <stdint.h>

struct mount;

struct mount_options {
	const char *source;	  /* shown as the device: the vault's path */
	const char *fuse_options; /* for libfuse and the kernel, "a,b=c" */
	bool read_only;		  /* then saver is NULL */
	bool no_cache;	    /* the kernel keeps no file data: direct I/O */
	bool writeback;	    /* the kernel gathers small writes */
	bool seal_on_close; /* close(2) waits for a seal of what has changed */
	struct backend_view view;
};

/* What a mount shows and where changes of it go.  All borrowed. */
struct mount_parts {
	struct tree *tree;
	struct saver *saver; /* NULL: read-only, or backend_serve() will say */
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
 * answered yet: whoever looks into it waits for backend_serve().  The caller
 * ends *ret (mount_backend()).
 *
 * Returns 0, -EINVAL if libfuse does not take the options, -ENOMEM, the -errno
 * of eventfd(2), or -ENODEV if the mount was refused; libfuse has said why on
 * standard error.  After an error, a mount that was made is dead.
 */
int mount_new(struct mount **ret, const char *dir,
	      const struct mount_parts *parts,
	      const struct mount_options *options,
	      const struct backend_events *events);

/* It as a backend; it ends with backend_end(). */
struct backend *mount_backend(struct mount *m);

#endif
