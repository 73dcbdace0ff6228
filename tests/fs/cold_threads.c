/* SPDX-License-Identifier: MIT */
/* Contents go cold in one thread while another reads a snapshot of them, and
 * the tree changes. */
#include "common.h"
#include "fs/cold.h"
#include "fs/snapshot.h"
#include "trees.h"

#include <pthread.h>
#include <stdatomic.h>

enum { FILES = 8, FILE_SIZE = 3 * BODY_EXTENT + 1000, ROUNDS = 60 };

static atomic_bool done;
static atomic_uint frozen;

static void *freeze(void *ctx)
{
	(void)ctx;
	while (!atomic_load(&done))
		if (cold_relieve())
			atomic_fetch_add(&frozen, 1);
	return NULL;
}

/* A snapshot in which each file is to be all of one byte. */
struct reading {
	const struct snapshot *s;
	uint8_t byte;
	unsigned errors;
};

static void *read_snapshot(void *ctx)
{
	static uint8_t buf[FILE_SIZE];
	struct reading *r = ctx;

	for (size_t i = 1; i < r->s->count; i++) {
		const struct body *b = &snapshot_entry(r->s, i)->body;

		/* In pieces of a size that is as odd as that of the file. */
		for (size_t at = 0; at < FILE_SIZE; at += 20000) {
			size_t n =
				FILE_SIZE - at < 20000 ? FILE_SIZE - at : 20000;

			if (body_read(b, at, buf, n) != 0 ||
			    !all_bytes(buf, n, r->byte))
				r->errors++;
		}
	}
	return NULL;
}

static void write_files(struct tree *t, struct node **files, int byte)
{
	static uint8_t bytes[FILE_SIZE];

	memset(bytes, byte, sizeof(bytes));
	for (size_t i = 0; i < FILES; i++) {
		/* Some are written anew, others changed where they are. */
		if (i % 3 == 0)
			assert_int_equal(tree_setattr(t, files[i],
						      &(struct attr){.size = 5},
						      SET_SIZE),
					 0);
		for (size_t at = 0; at < FILE_SIZE; at += 9000)
			write_at(t, files[i], at, bytes,
				 FILE_SIZE - at < 9000 ? FILE_SIZE - at : 9000);
	}
}

static void snapshots_are_read_while_contents_go_cold(void **state)
{
	struct tree *t = ample_tree();
	struct node *files[FILES];
	struct snapshot s = {0};
	pthread_t freezer, reader;

	(void)state;
	for (size_t i = 0; i < FILES; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "%zu", i);
		files[i] = make_file(t, root_of(t), name);
	}
	assert_int_equal(pthread_create(&freezer, NULL, freeze, NULL), 0);
	write_files(t, files, 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct reading r = {&s, (uint8_t)round, 0};

		assert_int_equal(snapshot_take(&s, t), 0);
		assert_int_equal(
			pthread_create(&reader, NULL, read_snapshot, &r), 0);
		write_files(t, files, round + 1);
		assert_int_equal(pthread_join(reader, NULL), 0);
		assert_int_equal(r.errors, 0);
		snapshot_release(&s);
	}
	atomic_store(&done, true);
	assert_int_equal(pthread_join(freezer, NULL), 0);
	assert_true(atomic_load(&frozen) > 0);
	tree_free(t);
	assert_int_equal(cold_usage().hot, 0);
	assert_int_equal(cold_usage().cold, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_are_read_while_contents_go_cold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
