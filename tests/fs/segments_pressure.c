/* SPDX-License-Identifier: MIT */
/* Segments give way to whatever needs memory, while they are written. */
#include "archives.h"
#include "common.h"
#include "fs/segments.h"

#include <pthread.h>
#include <stdatomic.h>

static uint8_t noise[MIB];
static atomic_bool done;

static void *drop_again_and_again(void *ctx)
{
	while (!atomic_load(&done))
		(void)segments_drop(ctx);
	return NULL;
}

static void pressure_may_come_at_any_time(void **state)
{
	struct segments *k = NULL;
	struct tree *t = ample_tree();
	struct bytes wanted, packed = {0}, got = {0};
	struct snapshot s = {0};
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "%u", i);
		write_at(t, make_file(t, root_of(t), name), 0, noise, MIB);
	}
	wanted = tar_of(t);
	assert_int_equal(segments_new(&k), 0);
	assert_int_equal(pthread_create(&thread, NULL, drop_again_and_again, k),
			 0);
	for (unsigned round = 0; round < 20; round++) {
		assert_int_equal(snapshot_take(&s, t), 0);
		assert_int_equal(segments_write(k, &s, sink_of(&packed)), 0);
		snapshot_release(&s);
		assert_int_equal(
			unpack(&got, SEAL_GZIP, &packed, UINT64_MAX, 65536), 0);
		assert_int_equal(got.len, wanted.len);
		assert_same_bytes(got.data, wanted.data, wanted.len);
		bytes_free(&packed);
		bytes_free(&got);
	}
	atomic_store(&done, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	bytes_free(&wanted);
	segments_free(k);
	tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pressure_may_come_at_any_time),
	};

	fill_random(noise, sizeof(noise), 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
