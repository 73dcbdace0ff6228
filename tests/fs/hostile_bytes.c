/* SPDX-License-Identifier: MIT */
/* Archives that want to do harm: sizes, limits, damage and ends. */
#include "common.h"
#include "counting_mem.h"
#include "headers.h"

static struct tar_report report;

static const struct item one_byte = {.name = "f", .data = "x"};

static int load_into(struct tree *t, struct bytes *b)
{
	return tar_load(t, source_of(b), &report);
}

static void more_entries_than_nodes_are_refused(void **state)
{
	static const struct item kinds[] = {
		{.type = '0'},
		{.type = '5'},
		{.type = '2', .link = "x"},
		{.type = '1', .link = "f"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct bytes b = {0};
		struct tree *t = tree_of(MIB, 10);
		char name[16];

		add_item(&b, &one_byte);
		for (unsigned j = 0; j < 9; j++) {
			struct item item = kinds[i];

			(void)snprintf(name, sizeof(name), "n%u", j);
			item.name = name;
			add_item(&b, &item);
		}
		add_end(&b);
		assert_int_equal(load_into(t, &b), -ENOSPC);
		tree_free(t);
		/* One less is just what fits. */
		t = tree_of(MIB, 11);
		assert_int_equal(load_into(t, &b), 0);
		tree_free(t);
		bytes_free(&b);
	}
	assert_int_equal(mem_pieces, 0);
}

static void contents_beyond_the_limit_are_refused(void **state)
{
	static char text[70001];
	const struct item items[] = {
		{.name = "a", .data = text}, {.name = "b", .data = text}, {0}};
	struct bytes b;
	struct tree *t;

	(void)state;
	memset(text, 'x', 70000);
	b = archive_of(items);
	t = tree_of(100000, 10);
	assert_int_equal(load_into(t, &b), -ENOSPC);
	tree_free(t);
	/* As the last of a name wins, only it has to fit. */
	bytes_free(&b);
	b = archive_of((const struct item[]){
		{.name = "a", .data = text}, {.name = "a", .data = text}, {0}});
	t = tree_of(100000, 10);
	assert_int_equal(load_into(t, &b), 0);
	tree_free(t);
	bytes_free(&b);
	assert_int_equal(mem_pieces, 0);
}

static void absurd_sizes_are_refused(void **state)
{
	static const char *const sizes[] = {
		"77777777777",		      /* 8 GiB - 1 */
		"\x80\0\0\0\0\0\0\x01\0\0\0", /* 2^24 * 256 */
		"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
		"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", /* -1 */
		"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0",
		"-0000000001",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct bytes b = {0};
		uint8_t *h;
		int err;

		add_item(&b, &one_byte);
		h = b.data;
		memcpy(h + AT_SIZE, sizes[i], strlen(sizes[i]) == 11 ? 11 : 12);
		put_checksum(h);
		add_end(&b);
		err = load_error_of(&b, &report);
		if (err != -EBADMSG && err != -ENOSPC)
			fail_msg("size %zu: %d", i, err);
		bytes_free(&b);
	}
	assert_int_equal(mem_pieces, 0);
}

static void absurd_sizes_in_pax_records_are_refused(void **state)
{
	static const struct {
		const char *key, *value;
	} records[] = {
		{"size", "9223372036854775807"},
		{"size", "99999999999999999999999"},
		{"size", "-1"},
		{"size", "1000000"},
		{"GNU.sparse.realsize", "9223372036854775807"},
		{"GNU.sparse.size", "9223372036854775807"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(records); i++) {
		struct bytes b = {0};
		int err;

		if (records[i].key[0] == 'G') {
			add_text_record(&b, "GNU.sparse.major", "0");
			add_text_record(&b, "GNU.sparse.map",
					"0,1,9223372036854775800,0");
		}
		add_text_record(&b, records[i].key, records[i].value);
		add_item(&b, &one_byte);
		add_end(&b);
		err = load_error_of(&b, &report);
		/* Some versions of libarchive take a size that is no number. */
		if (err != 0 && err != -EBADMSG && err != -ENOSPC)
			fail_msg("%s %s: %d", records[i].key, records[i].value,
				 err);
		bytes_free(&b);
	}
	assert_int_equal(mem_pieces, 0);
}

static void a_pax_record_larger_than_any_name_is_bounded(void **state)
{
	struct bytes b = {0};
	char *name = malloc(3 * MIB);

	(void)state;
	assert_non_null(name);
	memset(name, 'a', 3 * MIB);
	add_record(&b, "path", name, 3 * MIB);
	add_item(&b, &one_byte);
	add_end(&b);
	assert_int_equal(load_error_of(&b, &report), -EBADMSG);
	free(name);
	bytes_free(&b);
}

/* An archive with something of everything. */
static struct bytes mixed_archive(void)
{
	static uint8_t noise[3000];
	const struct xattr_value v = {noise, 100};
	struct tree *t = ample_tree();
	struct node *root = root_of(t), *d = make_dir(t, root, "d"), *f;
	struct bytes b;

	fill_random(noise, sizeof(noise), 4);
	f = make_file(t, d, "f");
	write_at(t, f, 0, noise, sizeof(noise));
	assert_int_equal(tree_setxattr(t, f, "user.a", &v), 0);
	write_at(t, make_file(t, d, "sparse"), MIB, noise, 700);
	assert_int_equal(tree_link(t, f, root, "hard"), 0);
	(void)make_symlink(t, root, "l", "d/f");
	(void)make_text(t, root, "caf\xc3\xa9", "last");
	b = tar_of(t);
	tree_free(t);
	return b;
}

static void an_archive_cut_short_is_refused(void **state)
{
	struct bytes b = mixed_archive();
	size_t whole = b.len;
	unsigned taken = 0;

	(void)state;
	/* What is lost of the end mark alone is no loss. */
	for (size_t len = 1; len <= whole - 2 * TAR_BLOCK;
	     len += len % TAR_BLOCK == 0 || len % TAR_BLOCK == 511 ? 1 : 101) {
		int err;

		b.len = len;
		err = load_error_of(&b, &report);
		if (err == 0) {
			print_error("cut to %zu of %zu bytes: taken\n", len,
				    whole);
			taken++;
		} else {
			assert_int_equal(err, -EBADMSG);
		}
		assert_int_equal(mem_pieces, 0);
	}
	b.len = whole;
	assert_int_equal(load_error_of(&b, &report), 0);
	bytes_free(&b);
	assert_int_equal(taken, 0);
}

static void an_empty_input_is_no_archive(void **state)
{
	struct bytes b = {0};

	(void)state;
	assert_int_equal(load_error_of(&b, &report), -EBADMSG);
}

static void an_archive_of_nothing_is_an_empty_tree(void **state)
{
	struct bytes b = {0};

	(void)state;
	add_end(&b);
	assert_int_equal(load_error_of(&b, &report), 0);
	bytes_free(&b);
}

static void garbage_is_refused(void **state)
{
	static const size_t lens[] = {1,   2,	 100,	511,   512,
				      513, 1024, 10240, 100000};
	static uint8_t noise[100000];

	(void)state;
	fill_random(noise, sizeof(noise), 6);
	for (size_t i = 0; i < COUNT(lens); i++) {
		struct bytes b = {.data = noise, .len = lens[i]};

		assert_int_equal(load_error_of(&b, &report), -EBADMSG);
	}
	assert_int_equal(mem_pieces, 0);
}

static void other_kinds_of_archives_are_refused(void **state)
{
	static const char *const starts[] = {
		"PK\3\4",
		"070701",
		"070707",
		"!<arch>\n",
		"7z\xbc\xaf\x27\x1c",
		"Rar!\x1a\x07",
		"#mtree\n./f type=file\n",
		"\x1f\x8b\x08",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(starts); i++) {
		struct bytes b = {0};
		static const uint8_t zeros[2000];

		append(&b, starts[i], strlen(starts[i]));
		append(&b, zeros, sizeof(zeros));
		assert_int_equal(load_error_of(&b, &report), -EBADMSG);
		bytes_free(&b);
	}
}

static void any_flipped_byte_is_survived(void **state)
{
	struct bytes b = mixed_archive();

	(void)state;
	for (size_t i = 0; i < b.len; i += i % TAR_BLOCK < 160 ? 1 : 7) {
		static const uint8_t flips[] = {0x01, 0xff};

		for (size_t j = 0; j < COUNT(flips); j++) {
			int err;

			b.data[i] ^= flips[j];
			err = load_error_of(&b, &report);
			b.data[i] ^= flips[j];
			if (err != 0 && err != -EBADMSG && err != -ENOSPC)
				fail_msg("byte %zu ^ %02x: %d", i, flips[j],
					 err);
			if (mem_pieces != 0)
				fail_msg("byte %zu: not all freed", i);
		}
	}
	bytes_free(&b);
}

static ssize_t failing_read(void *ctx, uint8_t *buf, size_t len)
{
	struct bytes *b = ctx;

	if (b->at == b->len)
		return -ECONNRESET;
	return bytes_read(b, buf, len);
}

static void the_error_of_the_source_comes_out(void **state)
{
	struct bytes b = mixed_archive();
	size_t whole = b.len;

	(void)state;
	b.step = 512;
	for (b.len = 0; b.len <= whole - 2 * TAR_BLOCK; b.len += TAR_BLOCK) {
		struct tree *t = tree_of(MIB, 100);

		b.at = 0;
		assert_int_equal(
			tar_load(t, (struct source){failing_read, &b}, &report),
			-ECONNRESET);
		tree_free(t);
	}
	b.len = whole;
	bytes_free(&b);
	assert_int_equal(mem_pieces, 0);
}

static void an_archive_may_come_in_any_pieces(void **state)
{
	static const size_t steps[] = {1, 2, 511, 512, 513, 10240};
	struct bytes b = mixed_archive();

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct tree *t = ample_tree();

		b.step = steps[i];
		assert_int_equal(load_into(t, &b), 0);
		assert_int_equal(at_path(t, "d/f")->attr.size, 3000);
		assert_text(at_path(t, "caf\xc3\xa9"), "last");
		tree_free(t);
	}
	bytes_free(&b);
}

/* A name that a terminal would obey is named, but harmlessly. */
static void what_is_said_of_an_archive_is_printable(void **state)
{
	static const char *const names[] = {
		"../\x1b[2J",
		"../\a\b\r\n\t",
		"../\x7f",
		"../\xc2\x9b"
		"31m",
		"../\x9b"
		"31m",
		"../\xff\xfe",
		"../\xe2\x80\xae"
		"cod.exe",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct item items[] = {{.name = names[i]}, {0}};
		struct bytes b = archive_of(items);

		assert_int_equal(load_error_of(&b, &report), -EBADMSG);
		assert_non_null(strstr(report.problem, "'../"));
		for (const char *s = report.problem; *s != '\0'; s++)
			if (*s < ' ' || *s > '~')
				fail_msg("name %zu: byte %02x is to be printed",
					 i, (unsigned char)*s);
		bytes_free(&b);
	}
}

static void a_long_name_does_not_crowd_out_what_is_wrong_with_it(void **state)
{
	struct bytes b = {0};
	char name[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 100 == 99 ? '/' : 'a';
	memcpy(name + sizeof(name) - 5, "/../", 5);
	add_text_record(&b, "path", name);
	add_item(&b, &one_byte);
	add_end(&b);
	assert_int_equal(load_error_of(&b, &report), -EBADMSG);
	assert_non_null(strstr(report.problem, "aaaa"));
	assert_non_null(strstr(report.problem, "leave the vault"));
	bytes_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(more_entries_than_nodes_are_refused),
		counted_test(contents_beyond_the_limit_are_refused),
		counted_test(absurd_sizes_are_refused),
		counted_test(absurd_sizes_in_pax_records_are_refused),
		counted_test(a_pax_record_larger_than_any_name_is_bounded),
		counted_test(an_archive_cut_short_is_refused),
		counted_test(an_empty_input_is_no_archive),
		counted_test(an_archive_of_nothing_is_an_empty_tree),
		counted_test(garbage_is_refused),
		counted_test(other_kinds_of_archives_are_refused),
		counted_test(any_flipped_byte_is_survived),
		counted_test(the_error_of_the_source_comes_out),
		counted_test(an_archive_may_come_in_any_pieces),
		counted_test(what_is_said_of_an_archive_is_printable),
		counted_test(
			a_long_name_does_not_crowd_out_what_is_wrong_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
