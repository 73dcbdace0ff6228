/* SPDX-License-Identifier: MIT */
#include "fuse_patch.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>

#ifndef FUSE_DIRECT_IO_ALLOW_MMAP /* Linux 6.6 */
#define FUSE_DIRECT_IO_ALLOW_MMAP (1ULL << 36)
#endif

/* All flags that the kernel offers in the INIT at request. */
static uint64_t offered(const uint8_t *request)
{
	struct fuse_init_in in;

	memcpy(&in, request + sizeof(struct fuse_in_header), sizeof(in));
	return in.flags |
	       (in.flags & FUSE_INIT_EXT ? (uint64_t)in.flags2 << 32 : 0);
}

static uint32_t opcode_of(const uint8_t *request)
{
	struct fuse_in_header h;

	memcpy(&h, request, sizeof(h));
	return h.opcode;
}

void fuse_patch_reply(struct fuse_patch *p, const uint8_t *request,
		      struct iovec *iov, int count)
{
	uint64_t wanted = FUSE_HANDLE_KILLPRIV_V2, flags;
	struct fuse_init_out out;

	if (p->done || opcode_of(request) != FUSE_INIT)
		return;
	/* A reply without a body is a refusal. */
	if (count < 2 || iov[1].iov_len < sizeof(out))
		return;
	memcpy(&out, iov[1].iov_base, sizeof(out));
	if (p->allow_mmap)
		wanted |= FUSE_DIRECT_IO_ALLOW_MMAP;
	flags = wanted & offered(request);
	out.flags |= (uint32_t)flags;
	if (flags >> 32 != 0) {
		out.flags |= FUSE_INIT_EXT;
		out.flags2 |= (uint32_t)(flags >> 32);
	}
	memcpy(iov[1].iov_base, &out, sizeof(out));
	p->kill_privileges = (flags & FUSE_HANDLE_KILLPRIV_V2) != 0;
	p->done = true;
}

/* Only such requests say who asks, for mandatory locks. */
bool fuse_patch_is_direct(const uint8_t *request)
{
	const uint8_t *body = request + sizeof(struct fuse_in_header);
	struct fuse_write_in write;
	struct fuse_read_in read;

	switch (opcode_of(request)) {
	case FUSE_READ:
		memcpy(&read, body, sizeof(read));
		return (read.read_flags & FUSE_READ_LOCKOWNER) != 0;
	case FUSE_WRITE:
		memcpy(&write, body, sizeof(write));
		return (write.write_flags & FUSE_WRITE_LOCKOWNER) != 0;
	default:
		return false;
	}
}

struct fuse_patch_refusal fuse_patch_refuse(const uint8_t *request)
{
	struct fuse_patch_refusal r;
	struct fuse_out_header out = {sizeof(out), -EIO, 0};
	struct fuse_in_header in;

	_Static_assert(sizeof(r) == sizeof(out), "a header and nothing else");
	memcpy(&in, request, sizeof(in));
	out.unique = in.unique;
	memcpy(&r, &out, sizeof(r));
	return r;
}

bool fuse_patch_waits(const uint8_t *request)
{
	switch (opcode_of(request)) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_INTERRUPT:
		return false;
	default:
		return true;
	}
}

bool fuse_patch_uses(const uint8_t *request)
{
	switch (opcode_of(request)) {
	case FUSE_INIT:
	case FUSE_DESTROY:
	case FUSE_STATFS:
		return false;
	default:
		return fuse_patch_waits(request);
	}
}

bool fuse_patch_kills(const uint8_t *request)
{
	const uint8_t *body = request + sizeof(struct fuse_in_header);
	struct fuse_write_in write;
	struct fuse_setattr_in setattr;

	switch (opcode_of(request)) {
	case FUSE_WRITE:
		memcpy(&write, body, sizeof(write));
		return (write.write_flags & FUSE_WRITE_KILL_SUIDGID) != 0;
	case FUSE_SETATTR:
		memcpy(&setattr, body, sizeof(setattr));
		return (setattr.valid & FATTR_KILL_SUIDGID) != 0;
	default:
		return false;
	}
}
