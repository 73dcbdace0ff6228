/* SPDX-License-Identifier: MIT */
#include "inplace.h"

#include "crypto/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t magic[16] = "TAZPOD2 journal\n";

enum {
	VERSION = 1,
	BLOCK = 4096,
	RECORD_ROOM = 512, /* of a block; the rest of it stays zero */
	STEP = 1 << 20,

	/* The record. */
	VERSION_AT = 16,
	OLD_LEN_AT = 24,
	IMAGE_AT = 32,
	NEW_LEN_AT = 40,
	IMAGE_DIGEST_AT = 48,
	RECORD_DIGEST_AT = IMAGE_DIGEST_AT + DIGEST_LEN,
	RECORD_LEN = RECORD_DIGEST_AT + DIGEST_LEN,

	/* No vault ends in so many zeros: its last 16 bytes are a tag. */
	ZEROS = BLOCK - RECORD_ROOM,
};

/* Where things are while the file is being replaced. */
struct layout {
	uint64_t old_len, new_len;
	uint64_t image_at, record_at, len;
};

static uint64_t round_up(uint64_t n)
{
	return (n + BLOCK - 1) / BLOCK * BLOCK;
}

static struct layout lay_out(uint64_t old_len, uint64_t new_len)
{
	struct layout l = {.old_len = old_len, .new_len = new_len};

	/* The front will reach to new_len, and must leave the image alone. */
	l.image_at = round_up(old_len > new_len ? old_len : new_len);
	l.record_at = l.image_at + round_up(new_len);
	l.len = l.record_at + BLOCK + old_len % BLOCK;
	return l;
}

static uint64_t get_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static void put_le(uint8_t *p, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

/* len without the zeros at the end of p. */
static size_t without_zeros(const uint8_t *p, size_t len)
{
	while (len > 0 && p[len - 1] == 0)
		len--;
	return len;
}

/* Has a file of len bytes room for a record?  Then it is at *at. */
static bool find_record(uint64_t *at, uint64_t len)
{
	if (len < BLOCK + len % BLOCK)
		return false;
	*at = len - len % BLOCK - BLOCK;
	return true;
}

/*
 * Is that a record, whole or not, or the room for one?  It is at p, and the
 * file ends len bytes behind that.
 */
static bool may_be_record(const uint8_t *p, size_t len)
{
	return memcmp(p, magic, sizeof(magic)) == 0 ||
	       without_zeros(p, len) <= RECORD_ROOM;
}

/* Read the record at p.  0, -EBADMSG, -EPROTO or -EIO. */
static int parse_record(struct layout *ret, const uint8_t *p,
			const struct blob *file)
{
	uint64_t version = get_le(p + VERSION_AT, 4);
	uint64_t old_len = get_le(p + OLD_LEN_AT, 8);
	uint64_t new_len = get_le(p + NEW_LEN_AT, 8);
	uint8_t digest[DIGEST_LEN];
	struct layout l;
	int err;

	if (memcmp(p, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (version > VERSION)
		return -EPROTO;
	err = digest_sha256(digest, p, RECORD_DIGEST_AT);
	if (err != 0)
		return err;
	if (memcmp(digest, p + RECORD_DIGEST_AT, DIGEST_LEN) != 0 ||
	    version != VERSION || old_len > file->len || new_len > file->len)
		return -EBADMSG;
	l = lay_out(old_len, new_len);
	if (l.len != file->len || l.image_at != get_le(p + IMAGE_AT, 8))
		return -EBADMSG;
	*ret = l;
	return 0;
}

/*
 * A file that was made longer, and has no whole record yet, has nothing but
 * zeros from the old vault to the record.  The shortest length that has the
 * right remainder is that of the old vault.
 */
static void find_grown(struct inplace_found *ret, const struct blob *file,
		       uint64_t record_at)
{
	size_t len = without_zeros(file->data, record_at);

	len += (file->len % BLOCK + BLOCK - len % BLOCK) % BLOCK;
	if (len <= record_at)
		*ret = (struct inplace_found){INPLACE_OLD, 0, len};
}

int inplace_find(struct inplace_found *ret, const struct blob *file)
{
	struct inplace_found found = {INPLACE_CLEAN, 0, file->len};
	uint8_t digest[DIGEST_LEN];
	const uint8_t *record;
	struct layout l;
	uint64_t at;
	int err = 0;

	if (!find_record(&at, file->len) ||
	    !may_be_record(file->data + at, file->len - at))
		goto out;
	record = file->data + at;
	err = parse_record(&l, record, file);
	if (err == -EBADMSG) {
		err = 0;
		if (without_zeros(record, file->len - at) <= RECORD_ROOM)
			find_grown(&found, file, at);
		goto out;
	}
	if (err == 0)
		err = digest_sha256(digest, file->data + l.image_at, l.new_len);
	if (err != 0)
		return err;
	if (memcmp(digest, record + IMAGE_DIGEST_AT, DIGEST_LEN) == 0)
		found = (struct inplace_found){INPLACE_NEW, l.image_at,
					       l.new_len};
	else
		found = (struct inplace_found){INPLACE_OLD, 0, l.old_len};
out:
	if (err == 0)
		*ret = found;
	return err;
}

/* Why the last call failed, as -errno: never 0, even if errno is. */
static int failed(void)
{
	int err = errno;

	return err > 0 ? -err : -EIO;
}

static int write_at(int fd, const uint8_t *p, size_t len, uint64_t off)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len < STEP ? len : STEP, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? failed() : -EIO;
		p += n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
	return 0;
}

static int read_at(int fd, uint8_t *p, size_t len, uint64_t off)
{
	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? failed() : -EIO; /* it shrank */
		p += n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
	return 0;
}

static int sync_all(int fd)
{
	int err;

	do
		err = fsync(fd) == 0 ? 0 : failed();
	while (err == -EINTR);
	return err;
}

/* Give the file another length, durably. */
static int resize(int fd, uint64_t len)
{
	int err;

	do
		err = ftruncate(fd, (off_t)len) == 0 ? 0 : failed();
	while (err == -EINTR);
	return err == 0 ? sync_all(fd) : err;
}

/*
 * Make the image at off durable, and see that it is.  After an fsync that
 * failed, the kernel may show what the disk does not have; so it is made to
 * forget, where it can, and what comes back is compared.
 */
static int settle(int fd, const struct blob *image, uint64_t off)
{
	uint8_t buf[16 << 10];
	int err = sync_all(fd);

	if (err != 0)
		return err;
	(void)posix_fadvise(fd, (off_t)off, (off_t)image->len,
			    POSIX_FADV_DONTNEED);
	for (size_t at = 0; at < image->len && err == 0;) {
		size_t n = image->len - at;

		n = n < sizeof(buf) ? n : sizeof(buf);
		err = read_at(fd, buf, n, off + at);
		if (err == 0 && memcmp(buf, image->data + at, n) != 0)
			err = -EIO;
		at += n;
	}
	return err;
}

/* The image is settled: put it in front, and cut the rest off. */
static int finish(int fd, const struct blob *image)
{
	int err = write_at(fd, image->data, image->len, 0);

	if (err == 0)
		err = sync_all(fd);
	return err == 0 ? resize(fd, image->len) : err;
}

int inplace_repair(int fd, const struct blob *file,
		   const struct inplace_found *f)
{
	struct blob image;
	struct stat st;
	int err;

	if (f->state == INPLACE_CLEAN)
		return 0;
	if (fstat(fd, &st) != 0)
		return failed();
	if ((uint64_t)st.st_size != file->len)
		return -ESTALE;
	if (f->state == INPLACE_OLD)
		return resize(fd, f->len);
	image = (struct blob){file->data + f->off, f->len};
	err = settle(fd, &image, f->off);
	return err == 0 ? finish(fd, &image) : err;
}

/* Find space for all of it now: a full disk must not be found out later. */
static int reserve(int fd, const struct layout *l)
{
	int err;

	do
		err = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)l->old_len,
				(off_t)(l->len - l->old_len)) == 0
			      ? 0
			      : failed();
	while (err == -EINTR);
	return err == -EOPNOTSUPP || err == -ENOSYS ? 0 : err;
}

static int write_record(int fd, const struct blob *b, const struct layout *l)
{
	uint8_t r[RECORD_LEN] = {0};
	int err;

	memcpy(r, magic, sizeof(magic));
	put_le(r + VERSION_AT, 4, VERSION);
	put_le(r + OLD_LEN_AT, 8, l->old_len);
	put_le(r + IMAGE_AT, 8, l->image_at);
	put_le(r + NEW_LEN_AT, 8, l->new_len);
	err = digest_sha256(r + IMAGE_DIGEST_AT, b->data, b->len);
	if (err == 0)
		err = digest_sha256(r + RECORD_DIGEST_AT, r, RECORD_DIGEST_AT);
	if (err == 0)
		err = write_at(fd, r, sizeof(r), l->record_at);
	return err == 0 ? sync_all(fd) : err;
}

/* Everything before the front is touched. */
static int write_journal(int fd, const struct blob *b, const struct layout *l)
{
	/* What lies behind the blocks of the old vault. */
	const uint64_t tail = round_up(l->old_len);
	int err = sync_all(fd); /* what was done to the file before */

	if (err == 0)
		err = reserve(fd, l);
	if (err == 0)
		err = resize(fd, l->len);
	if (err == 0)
		err = write_record(fd, b, l);
	if (err == 0)
		err = write_at(fd, b->data, b->len, l->image_at);
	/* Where no space can be reserved, this finds out if there is any. */
	if (err == 0 && tail < b->len)
		err = write_at(fd, b->data + tail, b->len - tail, tail);
	return err == 0 ? settle(fd, b, l->image_at) : err;
}

/* The end of a file, which tells most of it. */
struct ending {
	uint64_t len;
	bool journal; /* there may be one */
	bool zeros;   /* more than a vault could end in */
};

/* What a file of len bytes is that ends in the n bytes at p. */
static struct ending judge_ending(const uint8_t *p, size_t n, uint64_t len)
{
	struct ending e = {.len = len};
	uint64_t at;

	e.zeros = n - without_zeros(p, n) >= ZEROS;
	if (find_record(&at, len))
		e.journal = may_be_record(p + n - (len - at), len - at);
	return e;
}

static int read_ending(struct ending *ret, int fd)
{
	uint8_t buf[2 * BLOCK];
	struct stat st;
	uint64_t len;
	size_t n;
	int err;

	if (fstat(fd, &st) != 0)
		return failed();
	len = (uint64_t)st.st_size;
	n = len < sizeof(buf) ? (size_t)len : sizeof(buf);
	err = read_at(fd, buf, n, len - n);
	if (err == 0)
		*ret = judge_ending(buf, n, len);
	return err;
}

int inplace_heal(int fd)
{
	struct blob file = {0};
	struct inplace_found f;
	struct stat st;
	int err;

	if (fstat(fd, &st) != 0)
		return failed();
	file.len = (size_t)st.st_size;
	file.data = blob_alloc(file.len);
	err = file.data != NULL ? read_at(fd, file.data, file.len, 0) : -ENOMEM;
	if (err == 0)
		err = inplace_find(&f, &file);
	if (err == 0)
		err = inplace_repair(fd, &file, &f);
	blob_free(&file);
	return err;
}

int inplace_replace(int fd, const struct blob *b)
{
	const struct ending new = judge_ending(b->data, b->len, b->len);
	struct ending old = {0};
	struct layout l;
	int err;

	if (new.zeros || new.journal)
		return -EINVAL;
	err = read_ending(&old, fd);
	if (err == 0 && old.journal) {
		err = inplace_heal(fd);
		if (err == 0)
			err = read_ending(&old, fd);
	}
	if (err != 0)
		return err;
	if (old.zeros || old.journal)
		return -EINVAL;
	l = lay_out(old.len, b->len);
	err = write_journal(fd, b, &l);
	if (err != 0) {
		(void)resize(fd, old.len);
		return err;
	}
	return finish(fd, b);
}
