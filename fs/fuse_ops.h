/* SPDX-License-Identifier: MIT */
#ifndef TZ_FUSE_OPS_H
#define TZ_FUSE_OPS_H

/* What the session (fuse.c), its thread and the requests share. */

#include "fuse.h"
#include "fuse_patch.h"

#include "crypto/stack.h"

#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stddef.h>

enum {
	/* The largest write, and so the largest read: what the kernel reads
	 * ahead by default.  More was not faster and is paid in locked memory.
	 */
	FUSE_OPS_MAX_IO = 128 << 10,
	/* Replies up to this size are put together in one piece: all but those
	 * from the bounce buffer.  The longest is a link's target. */
	FUSE_OPS_REPLY = 4096 + 256,
};

/* Seconds that the kernel may keep what it has learnt. */
#define FUSE_OPS_FOR_EVER 1e9

struct mount {
	struct backend base; /* first: a struct backend is one of these */
	struct mount_parts parts;
	struct backend_events events;
	struct backend_view view;
	bool no_cache;	/* the kernel keeps no data */
	bool writeback; /* the kernel gathers writes */
	bool seal_on_close;
	bool frozen;  /* changes are refused */
	bool revoked; /* everything is */
	bool greeted; /* the kernel's INIT has come */
	bool ready;   /* ... and was answered */
	bool gone;    /* no request will come any more */
	bool gone_told;
	int event; /* eventfd: greeted or gone has changed */
	struct stack_thread thread;
	atomic_bool stopping;
	/* Of MEM_BOUNCE, since the device cannot reach secret memory. */
	uint8_t *bounce;  /* FUSE_OPS_MAX_IO bytes: contents on their way out */
	uint8_t *reply;	  /* FUSE_OPS_REPLY bytes: small replies */
	uint8_t *request; /* what the kernel sends */
	size_t request_size;
	uint64_t requests; /* that somebody waited for */
	uint64_t uses;	   /* of those, for a file or folder */
	uint64_t changes;  /* tree_changes() after the last of them */
	struct fuse_session *session;
	struct fuse_patch patch;
	struct scrub *drops;	     /* a drop under way */
	struct fuse_waiter *waiters; /* for seals */
	int interrupts;		     /* timer; runs when one of them is to go */
};

/*
 * Start the thread that answers requests.  0, -ENOMEM, or the -errno of
 * sigaction(2) or pthread_create(3).  It takes SIGUSR1 for itself.
 */
int fuse_serve_start(struct mount *m);

/* End it.  No-op if it was never started.  Not under the loop's lock. */
void fuse_serve_stop(struct mount *m);

/* Tell who is to know, if the tree has changed since the last time. */
void fuse_tell_changes(struct mount *m);

/*
 * Overwrite and drop what the kernel has of all files, for backend_revoke();
 * or drop it, for backend_drop(), whose promises these are.
 */
int fuse_scrub_all(struct mount *m, backend_fn *fn, void *ctx);
int fuse_scrub_drop(struct mount *m, backend_fn *fn, void *ctx);

/*
 * The kernel is about to have len bytes at off of n in its page cache, or has
 * them; or its cache ends at size.
 */
void fuse_scrub_note(struct node *n, uint64_t off, uint64_t len);
void fuse_scrub_trim(struct node *n, uint64_t size);

/* No count of bytes, for fuse_sync(). */
#define FUSE_SYNC_PLAIN (-1)

/*
 * Answer req when a seal that began after it is durable: with written, a count
 * of bytes, or with FUSE_SYNC_PLAIN that all is well; or with the error of the
 * seal.  If whoever waits is interrupted by a signal and the seal takes longer
 * than a second or two after that, the answer is -EINTR: the kernel would not
 * even let a process be killed that waits for ours.
 */
void fuse_sync(fuse_req_t req, ssize_t written);

/* Make what that takes.  0, or the -errno of timerfd_create(2), or -ENOMEM. */
int fuse_sync_start(struct mount *m);

/* No seal will end any more. */
void fuse_sync_stop(struct mount *m);

/*
 * Let fuse_scrub_drop() end, where it is under way, without the rest: its
 * thread keeps the connection, and may wait for an answer.  Not under the
 * loop's lock.
 */
void fuse_scrub_stop(struct mount *m);

/* The mount that req is for. */
struct mount *fuse_call_mount(fuse_req_t req);

/* Answer err (0 or -errno) and nothing else. */
void fuse_call_err(fuse_req_t req, int err);

/*
 * Answer with the first len bytes of the bounce buffer, or -errno, and wipe
 * them.
 */
void fuse_call_bounce(fuse_req_t req, ssize_t len);

/* Answer with a count of bytes, or -errno. */
void fuse_call_count(fuse_req_t req, ssize_t done);

/*
 * The node of a request that reads, or of one that changes something.  NULL:
 * it has been answered.
 */
struct node *fuse_call_read(fuse_req_t req, fuse_ino_t ino);
struct node *fuse_call_write(fuse_req_t req, fuse_ino_t ino);

/* Is the caller of req root, or of group gid? */
bool fuse_call_is_member(fuse_req_t req, uint32_t gid);

/* The attributes of n as a mount with view v shows them. */
void fuse_view_stat(const struct backend_view *v, const struct node *n,
		    struct stat *st);

/*
 * An owner that the mount shows in place of the vault's cannot be changed
 * (-EPERM); setting what is shown already changes nothing, and is taken out
 * of *set (tree_setattr()).
 */
int fuse_view_check(const struct backend_view *v, const struct stat *st,
		    unsigned *set);

/* n as an answer that the kernel may keep for ever. */
void fuse_view_entry(const struct backend_view *v, const struct node *n,
		     struct fuse_entry_param *e);

/* One READDIR, or with plus READDIRPLUS: len bytes from the cookie off on. */
struct fuse_dir_request {
	size_t len;
	off_t off;
	bool plus;
};

/* Answer it for dir. */
void fuse_dir_list(fuse_req_t req, const struct node *dir,
		   const struct fuse_dir_request *what);

/* The requests for a file's data, as libfuse has them. */
void fuse_data_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fuse_data_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off,
		    struct fuse_file_info *fi);
void fuse_data_write(fuse_req_t req, fuse_ino_t ino, const char *buf,
		     size_t len, off_t off, struct fuse_file_info *fi);
void fuse_data_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi);
void fuse_data_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
			 off_t len, struct fuse_file_info *fi);
void fuse_data_copy(fuse_req_t req, fuse_ino_t in, off_t off_in,
		    struct fuse_file_info *fi_in, fuse_ino_t out, off_t off_out,
		    struct fuse_file_info *fi_out, size_t len, int flags);
void fuse_data_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fuse_data_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi);

/* What SETXATTR brings. */
struct fuse_xattr_value {
	const char *data;
	size_t len;
	int flags; /* setxattr(2)'s */
};

/* Set as setxattr(2) does: 0 or -errno. */
int fuse_xattr_set(struct mount *m, struct node *n, const char *name,
		   const struct fuse_xattr_value *v);

/* Remove as removexattr(2) does: 0 or -errno. */
int fuse_xattr_remove(struct mount *m, struct node *n, const char *name);

/*
 * After an access list has been set or removed by somebody who is not of the
 * file's group, it loses its set-gid bit (acl(5)).
 */
void fuse_xattr_kill_sgid(fuse_req_t req, struct node *n, const char *name);

/* Answer a GETXATTR or LISTXATTR of at most size bytes. */
void fuse_xattr_get(fuse_req_t req, const struct node *n, const char *name,
		    size_t size);
void fuse_xattr_list(fuse_req_t req, const struct node *n, size_t size);

/* One function per request; the user data of the session is a struct mount. */
extern const struct fuse_lowlevel_ops fuse_ops;

#endif
