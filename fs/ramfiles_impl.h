/* SPDX-License-Identifier: MIT */
#ifndef TZ_RAMFILES_IMPL_H
#define TZ_RAMFILES_IMPL_H

/* What the files of this backend share; nobody else looks inside. */

#include "known.h"
#include "ramfiles.h"

#include <dirent.h>
#include <sys/stat.h>

enum {
	RAMFILES_STEP = 64 << 10, /* bytes that are read or written at once */
	SUSPECTS = 1024,	  /* bits */
};

/* Kinds of extended attributes, of which a filesystem may have none. */
enum xattr_kind {
	XATTR_USER,
	XATTR_TRUSTED,
	XATTR_SECURITY,
	XATTR_ACL,
	XATTR_KINDS
};

/* Somebody who waits until the tree is what the files are. */
struct flush_waiter {
	struct flush_waiter *next;
	backend_flushed *fn;
	void *ctx;
	uint64_t until_ms; /* then what is still being written is taken */
};

struct ramfiles {
	struct backend base; /* first: a struct backend is one of these */
	struct ramfiles_parts parts;
	struct backend_events events;
	struct backend_view view;
	bool allow_other, read_only, counts_use;
	bool is_swappable;
	bool lacks[XATTR_KINDS]; /* kinds of attributes that it cannot hold */
	dev_t dev;
	int mount_id;
	int root; /* of it: in no namespace once attached */
	int sign; /* the same, with a lock: that this process lives */
	struct known_table known;
	uint8_t *buf, *old; /* RAMFILES_STEP bytes each, of MEM_BOUNCE */
	/* Watching. */
	int inotify, timer;
	bool is_behind;	   /* something has changed since the last walk */
	bool has_moved;	   /* a name has, or that cannot be known */
	bool has_come;	   /* a name has, since the walk has begun */
	bool is_unwatched; /* some folder could not be watched */
	bool is_frozen;	   /* nobody is to write to it */
	bool is_still;	   /* nobody can write to it, and the tree has it all */
	bool is_ended;
	/* Names that were written to: before the walk under way, or since it
	 * settled last; and after it has begun. */
	uint8_t suspects[SUSPECTS / 8], written[SUSPECTS / 8];
	uint64_t uses;
	uint64_t unsettled_ms; /* since when something is, or 0 */
	uint64_t walk_ms;      /* how long the last walk took */
	int error;	       /* of the last walk */
	struct flush_waiter *waiters;
};

/* ramfiles_mount.c: make it, empty, nowhere attached. */
int ramfiles_make(struct ramfiles *r, const struct ramfiles_options *o);

/* ramfiles_fill.c: make files of the tree.  0 or -errno. */
int ramfiles_fill(struct ramfiles *r);

/* Which kind of attribute has that name?  XATTR_KINDS: none that is kept. */
enum xattr_kind ramfiles_xattr_kind(const char *name);

/* How thorough a walk is. */
struct ramfiles_walk {
	bool is_deep;	 /* contents are compared whatever their times say */
	bool is_patient; /* what is being written stays as it was */
};

/*
 * ramfiles_collect.c: make the tree what the files are.  *settled: nothing had
 * to be left as it was.  *changed: the tree is another one now.  0; or -errno:
 * of something that could not be taken, and stays as it was; or -ENOMEM, and
 * then all of the tree may be as before.
 */
int ramfiles_collect(struct ramfiles *r, const struct ramfiles_walk *walk,
		     bool *settled, bool *changed);

/* ramfiles_watch.c: start and end watching.  0 or -errno. */
int ramfiles_watch_start(struct ramfiles *r);
void ramfiles_watch_stop(struct ramfiles *r);

/* Watch the folder fd, whose number is kept in k.  No-op if it is watched. */
void ramfiles_watch(struct ramfiles *r, int fd, struct known *k);

/*
 * Take in what has happened.  own: it was this process that looked at files.
 * True: something has changed.
 */
bool ramfiles_hear(struct ramfiles *r, bool own);

/* A walk begins: what was heard until now is its affair. */
void ramfiles_begin_hearing(struct ramfiles *r);

/* Was that name in the folder with that watch written to before this walk? */
bool ramfiles_is_suspect(const struct ramfiles *r, int watch, const char *name);

/* ramfiles_read.c: what became of a file that was to be read. */
enum read_result {
	READ_DONE,
	READ_TORN, /* somebody is writing to it */
	READ_GONE
};

/* A file that is read back into a node, which may be something else as yet. */
struct ramfiles_file {
	struct ramfiles *r;
	int dir; /* descriptor of its folder */
	const char *name;
	struct tree *tree;
	struct node *node;
	int fd;	      /* while ramfiles_read() has it open */
	bool differs; /* it was */
};

/*
 * Make the node's contents what those of the file are, and *st what it was
 * then.  A read_result or -errno.
 */
int ramfiles_read(struct ramfiles_file *f, struct stat *st,
		  const struct ramfiles_walk *walk);

/* ramfiles_xattr.c: the same of its extended attributes.  0 or -errno. */
int ramfiles_read_xattrs(struct ramfiles_file *f);

/* Give the file name in dir those of n, as far as it can have them. */
int ramfiles_write_xattrs(struct ramfiles *r, int dir, const char *name,
			  const struct node *n);

/* A listing of the folder fd, which stays the caller's.  NULL and errno. */
DIR *ramfiles_list(int fd);

/* Are those the same? */
bool ramfiles_is_same_time(const struct timespec *a, const struct timespec *b);

/* What has gone through r->buf and r->old is not to stay there. */
void ramfiles_wipe_buffers(struct ramfiles *r);

/* ramfiles_wipe.c: overwrite and remove all there is, as far as possible. */
void ramfiles_wipe(struct ramfiles *r);

#endif
