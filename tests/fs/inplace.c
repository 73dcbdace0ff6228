/* SPDX-License-Identifier: MIT */
/*
 * Journals in a vault file, made here by what docs/FORMAT.md says of them.
 * tests/fs/inplace_crash.c cuts the power.
 */
#include "fs/inplace.h"
#include "common.h"
#include "crypto/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096, OLD_MAX = 3 * BLOCK };

static uint8_t old_bytes[OLD_MAX], new_bytes[OLD_MAX];

static void put_le(uint8_t *p, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static size_t round_up(size_t n)
{
	return (n + BLOCK - 1) & ~(size_t)(BLOCK - 1);
}

static size_t image_at(size_t old_len, size_t new_len)
{
	return round_up(old_len > new_len ? old_len : new_len);
}

static uint8_t *record_of(const struct blob *file)
{
	return file->data + file->len - file->len % BLOCK - BLOCK;
}

static void sign_record(uint8_t *r)
{
	assert_int_equal(digest_sha256(r + 80, r, 80), 0);
}

/* A file just made longer, for a vault of new_len bytes.  The caller frees. */
static struct blob make_grown(size_t old_len, size_t new_len)
{
	size_t end = image_at(old_len, new_len) + round_up(new_len) + BLOCK;
	struct blob b = {NULL, end + old_len % BLOCK};

	b.data = blob_alloc(b.len);
	assert_non_null(b.data);
	memcpy(b.data, old_bytes, old_len);
	return b;
}

/* The same with a record. */
static struct blob make_recorded(size_t old_len, size_t new_len)
{
	struct blob b = make_grown(old_len, new_len);
	uint8_t *r = record_of(&b);

	memcpy(r, "TAZPOD2 journal\n", 16);
	put_le(r + 16, 4, 1);
	put_le(r + 24, 8, old_len);
	put_le(r + 32, 8, image_at(old_len, new_len));
	put_le(r + 40, 8, new_len);
	assert_int_equal(digest_sha256(r + 48, new_bytes, new_len), 0);
	sign_record(r);
	return b;
}

/* The same with the image. */
static struct blob make_whole(size_t old_len, size_t new_len)
{
	struct blob b = make_recorded(old_len, new_len);

	memcpy(b.data + image_at(old_len, new_len), new_bytes, new_len);
	return b;
}

static void assert_found(const struct blob *file, enum inplace_state state,
			 size_t off, size_t len)
{
	struct inplace_found f;

	assert_int_equal(inplace_find(&f, file), 0);
	assert_int_equal(f.state, state);
	assert_int_equal(f.off, off);
	assert_int_equal(f.len, len);
}

/* A descriptor of a file with these bytes. */
static int open_with(const uint8_t *p, size_t len)
{
	int fd = memfd_create("vault", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, len, 0), len);
	return fd;
}

static void assert_holds(int fd, const uint8_t *p, size_t len)
{
	uint8_t *got = malloc(len + 1);

	assert_non_null(got);
	assert_int_equal(pread(fd, got, len + 1, 0), len);
	assert_true(len == 0 || memcmp(got, p, len) == 0);
	free(got);
}

/* The file is repaired to be len bytes at p. */
static void assert_repaired(const struct blob *file, const uint8_t *p,
			    size_t len)
{
	int fd = open_with(file->data, file->len);
	struct inplace_found f;

	assert_int_equal(inplace_find(&f, file), 0);
	assert_int_equal(inplace_repair(fd, file, &f), 0);
	assert_holds(fd, p, len);
	(void)close(fd);
}

/* Shrinking, growing, alike, from and to nothing, at borders. */
static const size_t lengths[][2] = {
	{0, 0},	      {0, 1},	    {1, 0},	  {60, 60},   {4095, 4096},
	{4096, 4095}, {4096, 4096}, {4097, 60},	  {60, 4097}, {8192, 100},
	{100, 8192},  {5000, 9000}, {9000, 5000}, {0, 12288}, {12288, 8193},
};

static void a_file_without_a_journal_is_clean(void **state)
{
	struct blob b = {NULL, 0};

	(void)state;
	assert_found(&b, INPLACE_CLEAN, 0, 0);
	b.data = old_bytes;
	for (b.len = 1; b.len <= OLD_MAX; b.len += 97)
		assert_found(&b, INPLACE_CLEAN, 0, b.len);
}

static void without_a_record_the_old_vault_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		const size_t *len = lengths[i];
		struct blob b = make_grown(len[0], len[1]);

		assert_found(&b, INPLACE_OLD, 0, len[0]);
		assert_repaired(&b, old_bytes, len[0]);
		/* Bytes of a record are no record. */
		memset(record_of(&b), 'x', 112);
		assert_found(&b, INPLACE_OLD, 0, len[0]);
		blob_free(&b);
	}
}

/* Zeros behind what reaches to the record: no step leaves that. */
static void zeros_alone_are_no_journal(void **state)
{
	struct blob b = make_grown(60, 4097);

	(void)state;
	memset(b.data, 'x', (size_t)(record_of(&b) - b.data));
	assert_found(&b, INPLACE_CLEAN, 0, b.len);
	blob_free(&b);
}

static void without_a_whole_image_the_old_vault_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		const size_t *len = lengths[i];
		const size_t at = image_at(len[0], len[1]);
		struct blob b = make_recorded(len[0], len[1]);

		if (len[1] > 0) {
			assert_found(&b, INPLACE_OLD, 0, len[0]);
			/* All of it but the last byte. */
			memcpy(b.data + at, new_bytes, len[1] - 1);
			assert_found(&b, INPLACE_OLD, 0, len[0]);
			assert_repaired(&b, old_bytes, len[0]);
		}
		blob_free(&b);
	}
}

static void a_whole_image_is_the_vault(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		const size_t *len = lengths[i];
		const size_t at = image_at(len[0], len[1]);
		struct blob b = make_whole(len[0], len[1]);

		assert_found(&b, INPLACE_NEW, at, len[1]);
		assert_repaired(&b, new_bytes, len[1]);
		/* Whatever has become of the front. */
		memset(b.data, 'x', at);
		assert_found(&b, INPLACE_NEW, at, len[1]);
		assert_repaired(&b, new_bytes, len[1]);
		blob_free(&b);
	}
}

static void a_record_of_a_newer_version_is_left_alone(void **state)
{
	struct blob b = make_whole(5000, 6000);
	int fd = open_with(b.data, b.len);
	struct inplace_found f = {INPLACE_NEW, 1, 2};

	(void)state;
	put_le(record_of(&b) + 16, 4, 2);
	assert_int_equal(inplace_find(&f, &b), -EPROTO);
	assert_int_equal(f.len, 2); /* untouched */
	assert_int_equal(pwrite(fd, b.data, b.len, 0), b.len);
	b.len = 100;
	assert_int_equal(inplace_replace(fd, &b), -EPROTO);
	b.len = image_at(5000, 6000) + 8192 + BLOCK + 5000 % BLOCK;
	assert_holds(fd, b.data, b.len);
	(void)close(fd);
	blob_free(&b);
}

/* Records that are signed, as anybody can, and whose numbers are absurd. */
static void absurd_numbers_are_no_journal(void **state)
{
	static const uint64_t absurd[] = {
		1,
		4096,
		1 << 20,
		INT64_MAX,
		UINT64_MAX,
		UINT64_MAX - 4095,
		INT64_MAX - 4095,
		1ULL << 63,
		UINT64_MAX - 904,
		8192 + 904,
	};
	struct blob b = make_whole(5000, 6000);
	uint8_t *r = record_of(&b), saved[112];

	(void)state;
	memcpy(saved, r, sizeof(saved));
	for (size_t field = 24; field <= 40; field += 8) {
		for (size_t i = 0; i < COUNT(absurd); i++) {
			memcpy(r, saved, sizeof(saved));
			put_le(r + field, 8, absurd[i]);
			r[4095] = 1; /* so that it is no torn one, either */
			sign_record(r);
			assert_found(&b, INPLACE_CLEAN, 0, b.len);
		}
	}
	blob_free(&b);
}

/* An old length so large that, rounded up, it is 0: all else is consistent. */
static void a_length_that_wraps_around_is_no_journal(void **state)
{
	struct blob b = make_whole(5000, 6000);
	uint8_t *r = record_of(&b);

	(void)state;
	put_le(r + 24, 8, UINT64_MAX - 4095 + 904);
	put_le(r + 32, 8, 0);
	put_le(r + 40, 8, 8192 + 8192);
	r[4095] = 1;
	sign_record(r);
	assert_found(&b, INPLACE_CLEAN, 0, b.len);
	blob_free(&b);
}

static void every_altered_bit_of_a_record_is_seen(void **state)
{
	struct blob b = make_whole(5000, 4500);
	uint8_t *r = record_of(&b);
	struct inplace_found f;

	(void)state;
	r[4095] = 1;
	for (size_t bit = 0; bit < 112 * 8; bit++) {
		int err;

		r[bit / 8] ^= (uint8_t)(1U << bit % 8);
		err = inplace_find(&f, &b);
		/* 16 to 19: the version; then it may be a newer one. */
		if (bit >= 16 * 8 && bit < 20 * 8 && bit != 16 * 8)
			assert_int_equal(err, -EPROTO);
		else
			assert_true(err == 0 && f.state == INPLACE_CLEAN);
		r[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_found(&b, INPLACE_NEW, 8192, 4500);
	blob_free(&b);
}

/* Any bytes: what is found lies within the file. */
static void no_bytes_lead_out_of_the_file(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		const size_t *len = lengths[next_random(&random) % 15];
		struct blob b = round % 3 == 0 ? make_whole(len[0], len[1])
				: round % 3 == 1
					? make_grown(len[0], len[1])
					: make_recorded(len[0], len[1]);
		struct inplace_found f;

		for (unsigned i = next_random(&random) % 8; i > 0; i--)
			record_of(&b)[next_random(&random) % 128] =
				(uint8_t)next_random(&random);
		if (next_random(&random) % 2 == 0)
			sign_record(record_of(&b));
		if (next_random(&random) % 4 == 0) {
			/* In memory that ends where it is cut. */
			b.len -= next_random(&random) % b.len;
			b.data = mem_realloc(b.data, b.len);
			assert_non_null(b.data);
		}
		if (inplace_find(&f, &b) == 0)
			assert_true(f.off <= b.len && f.len <= b.len - f.off);
		blob_free(&b);
	}
}

static void replacing_leaves_the_new_vault_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		int fd = open_with(old_bytes, lengths[i][0]);
		struct blob b = {new_bytes, lengths[i][1]};

		assert_int_equal(inplace_replace(fd, &b), 0);
		assert_holds(fd, new_bytes, b.len);
		(void)close(fd);
	}
}

static void a_vault_of_some_megabytes_is_replaced(void **state)
{
	struct blob a = {blob_alloc(3 * MIB), 3 * MIB};
	struct blob b = {blob_alloc(5 * MIB), 5 * MIB - 77};
	int fd;

	(void)state;
	assert_non_null(a.data);
	assert_non_null(b.data);
	fill_random(a.data, a.len, 3);
	fill_random(b.data, b.len, 4);
	fd = open_with(a.data, a.len);
	assert_int_equal(inplace_replace(fd, &b), 0);
	assert_holds(fd, b.data, b.len);
	assert_int_equal(inplace_replace(fd, &a), 0);
	assert_holds(fd, a.data, a.len);
	(void)close(fd);
	blob_free(&a);
	blob_free(&b);
}

static void a_journal_is_repaired_before_a_replacement(void **state)
{
	struct blob journals[] = {make_grown(5000, 9000),
				  make_recorded(5000, 9000),
				  make_whole(9000, 5000)};
	const struct blob b = {new_bytes, 700};

	(void)state;
	for (size_t i = 0; i < COUNT(journals); i++) {
		int fd = open_with(journals[i].data, journals[i].len);

		assert_int_equal(inplace_replace(fd, &b), 0);
		assert_holds(fd, new_bytes, b.len);
		(void)close(fd);
		blob_free(&journals[i]);
	}
}

/* What would be taken for a journal afterwards is refused. */
static void what_is_no_vault_is_refused(void **state)
{
	struct blob zeros = {blob_alloc(3684), 3684}, b = {new_bytes, 5000};
	struct blob journal = make_whole(5000, 6000);
	int fd = open_with(old_bytes, 5000);

	(void)state;
	assert_non_null(zeros.data);
	memset(zeros.data, 'x', 100);
	assert_int_equal(inplace_replace(fd, &zeros), -EINVAL);
	assert_int_equal(inplace_replace(fd, &journal), -EINVAL);
	/* Nor one with something behind its record. */
	journal.data[journal.len - 1] = 1;
	assert_int_equal(inplace_replace(fd, &journal), -EINVAL);
	assert_holds(fd, old_bytes, 5000);
	assert_int_equal(ftruncate(fd, 5000 + 3584), 0);
	assert_int_equal(inplace_replace(fd, &b), -EINVAL);
	/* And a record that makes no sense there is not written over. */
	record_of(&journal)[100] ^= 1;
	assert_int_equal(pwrite(fd, journal.data, journal.len, 0), journal.len);
	assert_int_equal(inplace_replace(fd, &b), -EINVAL);
	assert_holds(fd, journal.data, journal.len);
	(void)close(fd);
	/* One zero less will do. */
	zeros.data[100] = 'x';
	fd = open_with(zeros.data, zeros.len);
	assert_int_equal(inplace_replace(fd, &zeros), 0);
	assert_holds(fd, zeros.data, zeros.len);
	(void)close(fd);
	blob_free(&zeros);
	blob_free(&journal);
}

static void a_file_of_another_length_is_not_repaired(void **state)
{
	struct blob b = make_whole(5000, 6000);
	int fd = open_with(b.data, b.len - 1);
	struct inplace_found f;

	(void)state;
	assert_int_equal(inplace_find(&f, &b), 0);
	assert_int_equal(inplace_repair(fd, &b, &f), -ESTALE);
	assert_holds(fd, b.data, b.len - 1);
	/* Nor is one that has another image than was read. */
	assert_int_equal(pwrite(fd, b.data, b.len, 0), b.len);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)f.off + 5999), 1);
	assert_int_equal(inplace_repair(fd, &b, &f), -EIO);
	b.data[f.off + 5999] = 'x';
	assert_holds(fd, b.data, b.len);
	(void)close(fd);
	blob_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_without_a_journal_is_clean),
		cmocka_unit_test(without_a_record_the_old_vault_is_found),
		cmocka_unit_test(zeros_alone_are_no_journal),
		cmocka_unit_test(without_a_whole_image_the_old_vault_is_found),
		cmocka_unit_test(a_whole_image_is_the_vault),
		cmocka_unit_test(a_record_of_a_newer_version_is_left_alone),
		cmocka_unit_test(absurd_numbers_are_no_journal),
		cmocka_unit_test(a_length_that_wraps_around_is_no_journal),
		cmocka_unit_test(every_altered_bit_of_a_record_is_seen),
		cmocka_unit_test(no_bytes_lead_out_of_the_file),
		cmocka_unit_test(replacing_leaves_the_new_vault_alone),
		cmocka_unit_test(a_vault_of_some_megabytes_is_replaced),
		cmocka_unit_test(a_journal_is_repaired_before_a_replacement),
		cmocka_unit_test(what_is_no_vault_is_refused),
		cmocka_unit_test(a_file_of_another_length_is_not_repaired),
	};

	fill_random(old_bytes, sizeof(old_bytes), 1);
	fill_random(new_bytes, sizeof(new_bytes), 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
