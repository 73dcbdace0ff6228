/* SPDX-License-Identifier: MIT */
/*
 * The archive in segments.  This program's own isal_deflate() counts what is
 * compressed: that is what segments are kept for.
 */
#include "fs/segments.h"
#include "archives.h"
#include "common.h"
#include "counting_mem.h"

#include <dlfcn.h>
#include <isa-l/igzip_lib.h>

static uint64_t compressed;

int isal_deflate(struct isal_zstream *z)
{
	static int (*real)(struct isal_zstream *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "isal_deflate");
	compressed += z->avail_in;
	return real(z);
}

static uint8_t noise[4 * MIB];

/* Seal t: what comes out must be its archive.  Returns what was compressed. */
static uint64_t write_and_check(struct segments *k, const struct tree *t)
{
	struct bytes packed = {0}, got = {0}, wanted;
	struct snapshot s = {0};
	uint64_t cost;

	assert_int_equal(snapshot_take(&s, t), 0);
	compressed = 0;
	assert_int_equal(segments_write(k, &s, sink_of(&packed)), 0);
	cost = compressed;
	wanted = tar_of_snapshot(&s);
	assert_int_equal(unpack(&got, SEAL_GZIP, &packed, UINT64_MAX, 65536),
			 0);
	assert_int_equal(got.len, wanted.len);
	assert_same_bytes(got.data, wanted.data, wanted.len);
	snapshot_release(&s);
	bytes_free(&packed);
	bytes_free(&got);
	bytes_free(&wanted);
	return cost;
}

/* Files of many sizes, in a few folders; 20 MiB or so. */
static struct tree *grown_tree(uint64_t *random)
{
	struct tree *t = ample_tree();
	struct node *dir = root_of(t);
	char name[16];

	for (unsigned i = 0; i < 300; i++) {
		uint64_t size = next_random(random) % 30000;
		struct node *n;

		(void)snprintf(name, sizeof(name), "f%u", i);
		if (i % 40 == 39)
			dir = make_dir(t, root_of(t), name);
		n = make_file(t, dir, i % 40 == 39 ? "file" : name);
		if (i % 50 == 0)
			size = 2 * MIB + size;
		write_at(t, n, 0, noise + next_random(random) % MIB, size);
	}
	return t;
}

static void only_what_changed_is_compressed(void **state)
{
	const struct tree_birth link = {.attr = {.mode = S_IFLNK | 0777},
					.target = "nowhere"};
	struct segments *k = NULL;
	uint64_t random = 5, all;
	struct node *n;
	struct tree *t = grown_tree(&random);

	(void)state;
	assert_int_equal(segments_new(&k), 0);
	all = write_and_check(k, t);
	assert_in_range(all, 16 * MIB, 32 * MIB);
	assert_int_equal(write_and_check(k, t), 0);
	/* In the middle of a large file: it, and its headers. */
	write_at(t, child(t, root_of(t), "f0"), MIB, "x", 1);
	assert_in_range(write_and_check(k, t), 1000, 1 * MIB);
	/* A small file, a new name in front of most, one that goes. */
	write_at(t, child(t, root_of(t), "f3"), 10, "x", 1);
	assert_in_range(write_and_check(k, t), 1000, 512 * KIB);
	assert_int_equal(tree_create(&n, t, root_of(t), "new", &link), 0);
	assert_in_range(write_and_check(k, t), 1000, 1 * MIB);
	assert_int_equal(tree_unlink(t, root_of(t), "f1"), 0);
	assert_in_range(write_and_check(k, t), 1000, 1 * MIB);
	/* All of it again, when nothing is kept. */
	assert_true(segments_drop(k));
	assert_false(segments_drop(k));
	assert_in_range(write_and_check(k, t), all / 2, all * 2);
	segments_free(k);
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

/* One change of any kind to a file called by a number. */
static void change(struct tree *t, uint64_t *random)
{
	const struct attr attr = {.mode = 0600,
				  .size = next_random(random) % (2 * MIB)};
	char name[16], other[16];
	struct node *n, *root = root_of(t);

	(void)snprintf(name, sizeof(name), "%u",
		       (unsigned)(next_random(random) % 40));
	(void)snprintf(other, sizeof(other), "%u",
		       (unsigned)(next_random(random) % 40));
	n = child(t, root, name);
	if (n == NULL)
		n = make_file(t, root, name);
	switch (next_random(random) % 10) {
	case 0:
		(void)tree_unlink(t, root, name);
		break;
	case 1:
		assert_int_equal(tree_setattr(t, n, &attr, SET_SIZE), 0);
		break;
	case 2:
		assert_int_equal(tree_setattr(t, n, &attr, SET_MODE), 0);
		break;
	case 3: {
		const struct tree_place from = {root, name}, to = {root, other};

		(void)tree_rename(t, &from, &to, 0);
		break;
	}
	case 4:
		(void)tree_unlink(t, root, other);
		(void)tree_link(t, n, root, other);
		break;
	case 5:
		(void)tree_zero(t, n, next_random(random) % MIB,
				next_random(random) % MIB);
		break;
	default:
		write_at(t, n, next_random(random) % (2 * MIB),
			 noise + next_random(random) % MIB,
			 next_random(random) % 100000);
	}
}

static void whatever_changes_the_archive_is_right(void **state)
{
	struct segments *k = NULL;
	struct tree *t = ample_tree();
	uint64_t random = 7;

	(void)state;
	assert_int_equal(segments_new(&k), 0);
	for (unsigned round = 0; round < 120; round++) {
		for (uint64_t n = next_random(&random) % 8; n > 0; n--)
			change(t, &random);
		(void)write_and_check(k, t);
		if (round % 16 == 15)
			(void)segments_drop(k);
	}
	segments_free(k);
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

static int fail_late(void *ctx, const uint8_t *buf, size_t len)
{
	size_t *left = ctx;

	(void)buf;
	if (*left < len)
		return -ENETDOWN;
	*left -= len;
	return 0;
}

static void a_sink_that_fails_spoils_nothing(void **state)
{
	struct segments *k = NULL;
	uint64_t random = 9;
	struct tree *t = grown_tree(&random);
	struct snapshot s = {0};

	(void)state;
	assert_int_equal(segments_new(&k), 0);
	for (size_t mib = 0; mib < 12; mib += 2) {
		size_t left = mib * MIB + 5;

		assert_int_equal(snapshot_take(&s, t), 0);
		assert_int_equal(
			segments_write(k, &s, (struct sink){fail_late, &left}),
			-ENETDOWN);
		snapshot_release(&s);
	}
	(void)write_and_check(k, t);
	segments_free(k);
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

static void seals_that_fail_keep_no_more_and_more(void **state)
{
	struct segments *k = NULL;
	struct tree *t = ample_tree();
	struct node *n = make_file(t, root_of(t), "f");
	size_t first = 0, before;

	(void)state;
	assert_int_equal(segments_new(&k), 0);
	for (unsigned i = 0; i < 8; i++) {
		size_t left = MIB;
		struct snapshot s = {0};

		write_at(t, n, 0, noise + i, 2 * MIB - 8);
		before = mem_bytes;
		assert_int_equal(snapshot_take(&s, t), 0);
		assert_int_equal(
			segments_write(k, &s, (struct sink){fail_late, &left}),
			-ENETDOWN);
		snapshot_release(&s);
		if (i == 0)
			first = mem_bytes - before;
		else
			assert_in_range(mem_bytes, 0, before + 64 * KIB);
	}
	assert_in_range(first, MIB / 2, 4 * MIB);
	(void)write_and_check(k, t);
	segments_free(k);
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

static void it_takes_memory_only_while_there_is_some(void **state)
{
	struct segments *k = NULL;
	struct tree *t = ample_tree();
	struct bytes wanted;
	struct snapshot s = {0};
	unsigned written = 0, refused = 0;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "%u", i);
		write_at(t, make_file(t, root_of(t), name), 0, noise, 90000);
	}
	wanted = tar_of(t);
	for (ssize_t failing = 0; written < 40; failing++) {
		struct bytes packed = {0}, got = {0};
		int err = -ENOMEM;

		assert_int_equal(snapshot_take(&s, t), 0);
		mem_fail_in = failing % 60;
		if (segments_new(&k) == 0)
			err = segments_write(k, &s, sink_of(&packed));
		mem_fail_in = -1;
		if (err == 0) {
			assert_int_equal(unpack(&got, SEAL_GZIP, &packed,
						UINT64_MAX, 65536),
					 0);
			assert_int_equal(got.len, wanted.len);
			written++;
		} else {
			assert_int_equal(err, -ENOMEM);
			refused++;
		}
		segments_free(k);
		k = NULL;
		snapshot_release(&s);
		bytes_free(&packed);
		bytes_free(&got);
	}
	assert_in_range(refused, 3, 100);
	bytes_free(&wanted);
	tree_free(t);
	assert_int_equal(mem_pieces, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_changed_is_compressed),
		cmocka_unit_test(whatever_changes_the_archive_is_right),
		cmocka_unit_test(a_sink_that_fails_spoils_nothing),
		cmocka_unit_test(seals_that_fail_keep_no_more_and_more),
		cmocka_unit_test(it_takes_memory_only_while_there_is_some),
	};

	fill_random(noise, 2 * MIB, 3);
	for (size_t i = 2 * MIB; i < sizeof(noise); i++)
		noise[i] = (uint8_t)("secret = value\n"[i % 15] + i / 4096 % 5);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
