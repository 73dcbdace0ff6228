/* SPDX-License-Identifier: MIT */
#include "fs/pack.h"
#include "archives.h"
#include "common.h"
#include "counting_mem.h"

#include <zstd.h>

enum { LARGE = 3 << 20 };

static uint8_t noise[LARGE], text[LARGE];

static struct bytes zstd_of(const void *p, size_t len)
{
	struct bytes b = {.room = ZSTD_compressBound(len)};

	b.data = malloc(b.room);
	assert_non_null(b.data);
	b.len = ZSTD_compress(b.data, b.room, p, len, 3);
	assert_false(ZSTD_isError(b.len));
	return b;
}

static struct bytes packed_of(uint32_t compression, const void *p, size_t len)
{
	struct bytes b = {0};

	if (compression == SEAL_GZIP)
		return gzip_of(p, len);
	if (compression == SEAL_ZSTD)
		return zstd_of(p, len);
	append(&b, p, len);
	return b;
}

static void assert_unpacks(uint32_t compression, struct bytes *packed,
			   const void *want, size_t len, size_t step)
{
	struct bytes out = {0};

	assert_int_equal(unpack(&out, compression, packed, len, step), 0);
	assert_int_equal(out.len, len);
	if (len > 0)
		assert_same_bytes(out.data, want, len);
	bytes_free(&out);
	assert_int_equal(mem_pieces, 0);
}

static void every_compression_gives_back_what_went_in(void **state)
{
	static const size_t lens[] = {0,     1,	    2,	    511,  65535,
				      65536, 65537, 131072, LARGE};
	static const uint8_t *const kinds[] = {noise, text};

	(void)state;
	for (uint32_t c = SEAL_PLAIN; c <= SEAL_ZSTD; c++) {
		for (size_t i = 0; i < COUNT(lens) * COUNT(kinds); i++) {
			const uint8_t *p = kinds[i % COUNT(kinds)];
			size_t len = lens[i / COUNT(kinds)];
			struct bytes b = packed_of(c, p, len);

			assert_unpacks(c, &b, p, len, 65536);
			bytes_free(&b);
		}
	}
}

static void both_sides_may_take_any_pieces(void **state)
{
	static const size_t steps[] = {1, 2, 3, 7, 8, 9, 1000, 65537};
	const size_t len = 30000;

	(void)state;
	for (uint32_t c = SEAL_PLAIN; c <= SEAL_ZSTD; c++) {
		struct bytes a = packed_of(c, text, len);
		struct bytes b = packed_of(c, noise, len);

		for (size_t i = 0; i < COUNT(steps) * COUNT(steps); i++) {
			a.step = b.step = steps[i % COUNT(steps)];
			assert_unpacks(c, &a, text, len,
				       steps[i / COUNT(steps)]);
			assert_unpacks(c, &b, noise, len,
				       steps[i / COUNT(steps)]);
		}
		bytes_free(&a);
		bytes_free(&b);
	}
}

static void a_packer_may_be_fed_in_any_pieces(void **state)
{
	static const size_t steps[] = {1, 3, 65535, 65536, 65537, 200000};

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct packer *p = NULL;
		struct bytes b = {0};
		struct sink sink;
		const size_t len = 300000;

		assert_int_equal(packer_new(&p, sink_of(&b)), 0);
		sink = packer_sink(p);
		for (size_t at = 0; at < len; at += steps[i]) {
			size_t n = len - at < steps[i] ? len - at : steps[i];

			assert_int_equal(sink.write(sink.ctx, text + at, n), 0);
		}
		assert_int_equal(packer_finish(p), 0);
		packer_free(p);
		assert_unpacks(SEAL_GZIP, &b, text, len, 5000);
		bytes_free(&b);
	}
}

static void text_becomes_smaller(void **state)
{
	struct bytes b = gzip_of(text, LARGE);

	(void)state;
	assert_in_range(b.len, 1, LARGE / 2);
	bytes_free(&b);
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (uint32_t c = SEAL_GZIP; c <= SEAL_ZSTD; c++) {
		struct bytes b = packed_of(c, text, 1000);
		size_t whole = b.len;

		for (b.len = 0; b.len < whole; b.len++) {
			struct bytes out = {0};

			/* In one piece, and byte by byte. */
			b.step = 0;
			assert_int_equal(unpack(&out, c, &b, MIB, 65536),
					 -EBADMSG);
			b.step = 1;
			assert_int_equal(unpack(&out, c, &b, MIB, 1), -EBADMSG);
			bytes_free(&out);
		}
		bytes_free(&b);
	}
	assert_int_equal(mem_pieces, 0);
}

static void a_flipped_byte_yields_no_other_contents(void **state)
{
	struct bytes b = gzip_of(text, 3000);

	(void)state;
	for (size_t i = 0; i < b.len; i++) {
		struct bytes out = {0};
		int err;

		b.data[i] ^= 0x10;
		err = unpack(&out, SEAL_GZIP, &b, MIB, 65536);
		b.data[i] ^= 0x10;
		/* A few bits, as the header's time, mean nothing. */
		if (err == 0 &&
		    (out.len != 3000 || memcmp(out.data, text, 3000) != 0))
			fail_msg("byte %zu: altered and not noticed", i);
		assert_true(err == 0 || err == -EBADMSG);
		bytes_free(&out);
	}
	bytes_free(&b);
	assert_int_equal(mem_pieces, 0);
}

static void several_members_are_read_as_one(void **state)
{
	static const size_t steps[] = {0, 1, 5, 19, 4096};

	(void)state;
	for (uint32_t c = SEAL_GZIP; c <= SEAL_ZSTD; c++) {
		struct bytes all = {0};

		for (size_t i = 0; i < 5; i++) {
			/* The third is an empty one. */
			struct bytes b =
				packed_of(c, text + i * 100, i == 2 ? 0 : 100);

			append(&all, b.data, b.len);
			bytes_free(&b);
		}
		for (size_t i = 0; i < COUNT(steps); i++) {
			struct bytes out = {0};

			all.step = steps[i];
			assert_int_equal(unpack(&out, c, &all, MIB, 999), 0);
			assert_int_equal(out.len, 400);
			assert_same_bytes(out.data, text, 200);
			assert_same_bytes(out.data + 200, text + 300, 200);
			bytes_free(&out);
		}
		bytes_free(&all);
	}
}

static void garbage_is_refused_wherever_it_is(void **state)
{
	(void)state;
	for (uint32_t c = SEAL_GZIP; c <= SEAL_ZSTD; c++) {
		struct bytes b = packed_of(c, text, 1000);
		struct bytes junk = {.data = noise, .len = 1000};

		assert_int_equal(unpack(NULL, c, &junk, MIB, 4096), -EBADMSG);
		for (size_t n = 1; n < 40; n++) {
			junk.len = n;
			assert_int_equal(unpack(NULL, c, &junk, MIB, 4096),
					 -EBADMSG);
		}
		append(&b, noise, 100);
		assert_int_equal(unpack(NULL, c, &b, MIB, 4096), -EBADMSG);
		b.step = 1;
		assert_int_equal(unpack(NULL, c, &b, MIB, 4096), -EBADMSG);
		bytes_free(&b);
	}
	assert_int_equal(mem_pieces, 0);
}

/* Flags of a gzip header (RFC 1952, section 2.3.1). */
enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16 };

/* The low half of a CRC-32. */
static uint16_t crc16(const uint8_t *p, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return (uint16_t)~crc;
}

static void check_header(uint8_t flags, const size_t *steps, size_t count)
{
	const uint8_t fixed[] = {0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3};
	struct bytes b = gzip_of(text, 1000), with = {0};

	append(&with, fixed, sizeof(fixed));
	if (flags & FEXTRA)
		append(&with, "\4\0extr", 6);
	if (flags & FNAME)
		append(&with, "name", 5);
	if (flags & FCOMMENT)
		append(&with, "c", 2);
	if (flags & FHCRC) {
		uint16_t crc = crc16(with.data, with.len);

		append(&with, (uint8_t[]){crc & 0xff, crc >> 8}, 2);
	}
	append(&with, b.data + 10, b.len - 10);
	for (size_t i = 0; i < count; i++) {
		with.step = steps[i];
		assert_unpacks(SEAL_GZIP, &with, text, 1000, 999);
	}
	bytes_free(&with);
	bytes_free(&b);
}

static void a_header_with_any_fields_is_read(void **state)
{
	static const size_t steps[] = {0, 1, 2, 3, 7};

	(void)state;
	check_header(FEXTRA, steps, COUNT(steps));
	check_header(FNAME, steps, COUNT(steps));
	check_header(FCOMMENT, steps, COUNT(steps));
	check_header(FEXTRA | FNAME | FCOMMENT, steps, COUNT(steps));
	check_header(FHCRC | FEXTRA | FNAME | FCOMMENT, steps, COUNT(steps));
}

static void the_limit_is_kept_to_the_byte(void **state)
{
	(void)state;
	for (uint32_t c = SEAL_PLAIN; c <= SEAL_ZSTD; c++) {
		struct bytes b = packed_of(c, text, 100000);

		assert_int_equal(unpack(NULL, c, &b, 100000, 4096), 0);
		assert_int_equal(unpack(NULL, c, &b, 99999, 4096), -E2BIG);
		assert_int_equal(unpack(NULL, c, &b, 99999, 200000), -E2BIG);
		assert_int_equal(unpack(NULL, c, &b, 0, 1), -E2BIG);
		bytes_free(&b);
	}
	assert_int_equal(mem_pieces, 0);
}

/* Segments of a member, made by one packer, are put together by another. */
static void segments_may_be_used_again(void **state)
{
	enum { PARTS = 5 };
	static const size_t lens[PARTS] = {1, 70000, 0, 65536, 300000};
	struct bytes parts[PARTS] = {{0}}, b = {0}, wanted = {0};
	struct packed what[PARTS];
	struct packer *p = NULL;

	(void)state;
	for (size_t i = 0; i < PARTS; i++) {
		struct bytes whole = {0};
		struct sink sink;
		size_t head;

		assert_int_equal(packer_new(&p, sink_of(&whole)), 0);
		head = whole.len;
		sink = packer_sink(p);
		assert_int_equal(sink.write(sink.ctx, text + i, lens[i]), 0);
		assert_int_equal(packer_cut(p, &what[i]), 0);
		assert_int_equal(what[i].len, lens[i]);
		append(&parts[i], whole.data + head, whole.len - head);
		packer_free(p);
		bytes_free(&whole);
		assert_int_equal(
			packer_check(&what[i], parts[i].data, parts[i].len), 0);
	}
	assert_int_equal(packer_new(&p, sink_of(&b)), 0);
	for (size_t round = 0; round < 2 * PARTS; round++) {
		size_t i = round * 3 % PARTS;

		assert_int_equal(
			packer_put(p, &what[i], parts[i].data, parts[i].len),
			0);
		append(&wanted, text + i, lens[i]);
	}
	assert_int_equal(packer_finish(p), 0);
	packer_free(p);
	assert_unpacks(SEAL_GZIP, &b, wanted.data, wanted.len, 65536);
	/* Damage of any kind is seen. */
	parts[1].data[parts[1].len / 2] ^= 1;
	assert_int_equal(packer_check(&what[1], parts[1].data, parts[1].len),
			 -EBADMSG);
	assert_int_equal(
		packer_check(&what[3], parts[3].data, parts[3].len / 2),
		-EBADMSG);
	assert_int_equal(packer_check(&what[0], parts[3].data, parts[3].len),
			 -EBADMSG);
	for (size_t i = 0; i < PARTS; i++)
		bytes_free(&parts[i]);
	bytes_free(&b);
	bytes_free(&wanted);
	assert_int_equal(mem_pieces, 0);
}

/* 1 GiB of zeros; what it is unpacked with stays what it was. */
static void a_bomb_ends_at_the_limit_in_little_memory(void **state)
{
	struct packer *p = NULL;
	struct bytes b = {0};
	struct sink sink;

	(void)state;
	assert_int_equal(packer_new(&p, sink_of(&b)), 0);
	sink = packer_sink(p);
	memset(noise, 0, MIB);
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(sink.write(sink.ctx, noise, MIB), 0);
	assert_int_equal(packer_finish(p), 0);
	packer_free(p);
	fill_random(noise, MIB, 9);
	assert_in_range(b.len, 1, 32 * MIB);
	mem_most = 0;
	assert_int_equal(unpack(NULL, SEAL_GZIP, &b, 10 * MIB, 65536), -E2BIG);
	assert_in_range(mem_most, 1, MIB);
	bytes_free(&b);
}

/* A frame that says it needs a window of 2 GiB. */
static void a_window_out_of_all_proportion_is_refused(void **state)
{
	uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 1, 0, 0};
	struct bytes b = {.data = frame, .len = sizeof(frame)};

	(void)state;
	mem_most = 0;
	assert_int_equal(unpack(NULL, SEAL_ZSTD, &b, MIB, 4096), -EBADMSG);
	assert_in_range(mem_most, 0, 4 * MIB);
}

static void an_unknown_compression_is_said_to_be_one(void **state)
{
	struct unpacker *u = NULL;
	struct bytes b = {0};

	(void)state;
	assert_int_equal(unpacker_new(&u, 3, source_of(&b), MIB), -EPROTO);
	assert_int_equal(unpacker_new(&u, UINT32_MAX, source_of(&b), MIB),
			 -EPROTO);
	assert_null(u);
	unpacker_free(NULL);
	packer_free(NULL);
	assert_int_equal(mem_pieces, 0);
}

static ssize_t broken_read(void *ctx, uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)buf;
	(void)len;
	return -ENETDOWN;
}

static int broken_write(void *ctx, const uint8_t *buf, size_t len)
{
	unsigned *left = ctx;

	(void)buf;
	(void)len;
	if (*left == 0)
		return -ENETDOWN;
	--*left;
	return 0;
}

static void errors_of_both_ends_come_through(void **state)
{
	struct packer *p = NULL;
	struct sink sink;

	(void)state;
	for (uint32_t c = SEAL_PLAIN; c <= SEAL_ZSTD; c++) {
		struct unpacker *u = NULL;
		struct source from;
		uint8_t buf[10];

		assert_int_equal(
			unpacker_new(&u, c, (struct source){broken_read, NULL},
				     MIB),
			0);
		from = unpacker_source(u);
		assert_int_equal(from.read(from.ctx, buf, 10), -ENETDOWN);
		unpacker_free(u);
	}
	for (unsigned after = 0; after < 3; after++) {
		unsigned left = after;
		int err = packer_new(&p, (struct sink){broken_write, &left});

		assert_int_equal(err, after == 0 ? -ENETDOWN : 0);
		if (err != 0)
			continue;
		sink = packer_sink(p);
		assert_int_equal(sink.write(sink.ctx, noise, LARGE), -ENETDOWN);
		assert_int_equal(packer_finish(p), -ENETDOWN);
		packer_free(p);
	}
	assert_int_equal(mem_pieces, 0);
}

static void no_memory_is_not_taken_for_damage(void **state)
{
	struct bytes b = zstd_of(text, 100000);
	int err = -1;

	(void)state;
	for (ssize_t failing = 0; err != 0; failing++) {
		struct unpacker *u = NULL;
		struct source from;
		ssize_t n = 1;

		mem_fail_in = failing;
		err = unpacker_new(&u, SEAL_ZSTD, source_of(&b), MIB);
		while (err == 0 && n > 0) {
			from = unpacker_source(u);
			n = from.read(from.ctx, noise, 65536);
			err = n < 0 ? (int)n : 0;
		}
		mem_fail_in = -1;
		unpacker_free(u);
		assert_int_equal(mem_pieces, 0);
		assert_true(err == 0 || err == -ENOMEM);
	}
	bytes_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(every_compression_gives_back_what_went_in),
		counted_test(both_sides_may_take_any_pieces),
		counted_test(a_packer_may_be_fed_in_any_pieces),
		counted_test(segments_may_be_used_again),
		counted_test(text_becomes_smaller),
		counted_test(every_truncation_is_refused),
		counted_test(a_flipped_byte_yields_no_other_contents),
		counted_test(several_members_are_read_as_one),
		counted_test(garbage_is_refused_wherever_it_is),
		counted_test(a_header_with_any_fields_is_read),
		counted_test(the_limit_is_kept_to_the_byte),
		counted_test(a_bomb_ends_at_the_limit_in_little_memory),
		counted_test(a_window_out_of_all_proportion_is_refused),
		counted_test(an_unknown_compression_is_said_to_be_one),
		counted_test(errors_of_both_ends_come_through),
		counted_test(no_memory_is_not_taken_for_damage),
	};

	fill_random(noise, sizeof(noise), 7);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)('a' + noise[i] % 8);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
