/* SPDX-License-Identifier: MIT */
#ifndef TZ_FUSE_PATCH_H
#define TZ_FUSE_PATCH_H

/*
 * What the kernel's protocol (linux/fuse.h) has and libfuse 3.14 does not pass
 * on: flags added to its reply to INIT, and flags read from requests.  All of
 * it is in this one file, so that a newer libfuse can take it over.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* What a mount wants beyond libfuse. */
struct fuse_patch {
	bool allow_mmap;      /* shared mappings of files under direct I/O */
	bool kill_privileges; /* granted: writes say when to clear set-id bits
			       */
	bool done;	      /* INIT has been answered */
};

/*
 * Add to a reply on its way to the kernel, if it is the one to INIT, the flags
 * that the kernel offered in that request: HANDLE_KILLPRIV_V2, without which
 * it asks for security.capability before each write, and with
 * p->allow_mmap DIRECT_IO_ALLOW_MMAP.
 */
void fuse_patch_reply(struct fuse_patch *p, const uint8_t *request,
		      struct iovec *iov, int count);

/*
 * Does the WRITE or SETATTR at request ask to clear set-id bits and file
 * capabilities?
 */
bool fuse_patch_kills(const uint8_t *request);

/* Does the READ or WRITE at request go around the kernel's page cache? */
bool fuse_patch_is_direct(const uint8_t *request);

/* What backend_revoke() answers with. */
struct fuse_patch_refusal {
	uint8_t bytes[16];
};

/* The answer -EIO to any request. */
struct fuse_patch_refusal fuse_patch_refuse(const uint8_t *request);

/* Does somebody wait for the answer to the request? */
bool fuse_patch_waits(const uint8_t *request);

/* ... and is it for a file or folder? */
bool fuse_patch_uses(const uint8_t *request);

#endif
