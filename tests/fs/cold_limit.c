/* SPDX-License-Identifier: MIT */
/*
 * Two threads that need memory at once, within a limit, in the real arena: what
 * one of them has made room for, the other may take, and neither goes without.
 */
#include "common.h"
#include "crypto/mem.h"
#include "files.h"
#include "fs/cold.h"
#include "limit.h"
#include "trees.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	LIMIT = 1280 * KIB,
	CONTENTS = 12 * MIB,
	PIECE = 200 * KIB,
	WRITES = 6000,
};

static atomic_bool done;
static uint8_t bytes[40 * KIB];

/* Pieces that come and go: their number, or NULL once there was none. */
static void *take_and_give(void *ctx)
{
	static int served;
	void *p;

	(void)ctx;
	while (!atomic_load(&done)) {
		p = mem_alloc(PIECE);
		if (p == NULL)
			return NULL;
		served++;
		mem_free(p);
	}
	return &served;
}

static int probe(void)
{
	const struct tree_limits limits = {1 << 30, 100, NULL};
	const struct attr root = {.mode = S_IFDIR | 0700};
	struct tree *t = NULL;
	struct node *n = NULL;
	pthread_t thread;
	void *served;
	bool failed = false;

	if (!limit_locking(LIMIT) || tree_new(&t, &limits, &root) != 0 ||
	    try_make(&n, t, root_of(t), "f", S_IFREG | 0600) != 0 ||
	    pthread_create(&thread, NULL, take_and_give, NULL) != 0)
		return 2;
	srand(3);
	for (unsigned i = 0; !failed && i < WRITES; i++)
		failed = tree_write(t, n, (uint64_t)(rand() % CONTENTS), bytes,
				    sizeof(bytes)) != sizeof(bytes);
	atomic_store(&done, true);
	if (pthread_join(thread, &served) != 0 || failed)
		return 3;
	if (served == NULL || cold_usage().cold < CONTENTS / 2 ||
	    mem_locked() > LIMIT)
		return 4;
	return 0;
}

static void nobody_goes_without_what_can_be_had(void **state)
{
	(void)state;
	if (!LOCKS_ARE_REAL)
		skip();
	assert_int_equal(in_child(probe), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_goes_without_what_can_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
