/* SPDX-License-Identifier: MIT */
#include "fs/dir.h"
#include "common.h"
#include "counting_mem.h"

#include "fs/node.h"

enum { MANY = 5000 };

/* Entries only point to nodes; these are told apart by their address. */
static struct node nodes[MANY];

static const char *name_of(unsigned i)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "name-%u", i);
	return name;
}

static void add(struct dir *d, unsigned i)
{
	assert_int_equal(dir_add(d, name_of(i), &nodes[i]), 0);
}

static void remove_name(struct dir *d, unsigned i)
{
	struct entry *e = dir_find(d, name_of(i));

	assert_non_null(e);
	dir_remove(d, e);
}

static void end(struct dir *d)
{
	dir_free(d);
	assert_int_equal(mem_pieces, 0);
	assert_int_equal(d->count, 0);
	assert_null(dir_next(d, 0));
	assert_null(dir_find(d, "name-1"));
}

static void an_empty_folder_has_no_names(void **state)
{
	struct dir d = {0};

	(void)state;
	assert_null(dir_find(&d, ""));
	assert_null(dir_find(&d, "a"));
	assert_null(dir_next(&d, 0));
	assert_null(dir_next(&d, UINT64_MAX));
	end(&d);
}

static void every_name_is_found_until_it_is_removed(void **state)
{
	struct dir d = {0};

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		assert_null(dir_find(&d, name_of(i)));
		add(&d, i);
		assert_int_equal(d.count, i + 1);
	}
	/* 7 and MANY have no common factor: each comes up once. */
	for (unsigned i = 0, at = 0; i < MANY; i++, at = (at + 7) % MANY) {
		struct entry *e = dir_find(&d, name_of(at));

		assert_non_null(e);
		assert_string_equal(e->name, name_of(at));
		assert_ptr_equal(e->node, &nodes[at]);
		dir_remove(&d, e);
		assert_null(dir_find(&d, name_of(at)));
		assert_int_equal(d.count, MANY - 1 - i);
	}
	assert_null(dir_next(&d, 0));
	end(&d);
}

static void names_are_bytes(void **state)
{
	static const char *const names[] = {
		" ",	"A",	    "a",	 "a ",	"\n",		"\xff",
		"\x01", "\xc3\xa9", "e\xcc\x81", "-rf", "\xed\xa0\x80", "..a",
	};
	struct dir d = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(dir_add(&d, names[i], &nodes[i]), 0);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_ptr_equal(dir_find(&d, names[i])->node, &nodes[i]);
	end(&d);
}

/* Two names that FNV-1a with 32 bits does not tell apart. */
static void names_of_one_hash_stay_apart(void **state)
{
	/* Pairs found by search: costarring/liquid, declinate/macallums. */
	static const char *const names[] = {"costarring", "liquid", "declinate",
					    "macallums"};
	struct dir d = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(dir_add(&d, names[i], &nodes[i]), 0);
	assert_int_equal(dir_find(&d, names[0])->hash,
			 dir_find(&d, names[1])->hash);
	assert_int_equal(dir_find(&d, names[2])->hash,
			 dir_find(&d, names[3])->hash);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_ptr_equal(dir_find(&d, names[i])->node, &nodes[i]);
	dir_remove(&d, dir_find(&d, names[1]));
	dir_remove(&d, dir_find(&d, names[2]));
	assert_ptr_equal(dir_find(&d, names[0])->node, &nodes[0]);
	assert_null(dir_find(&d, names[1]));
	assert_null(dir_find(&d, names[2]));
	assert_ptr_equal(dir_find(&d, names[3])->node, &nodes[3]);
	end(&d);
}

static void names_come_in_the_order_of_their_cookies(void **state)
{
	struct dir d = {0};
	uint64_t cookie = DIR_FIRST;
	unsigned i = 0;

	(void)state;
	for (unsigned j = 0; j < MANY; j++)
		add(&d, j);
	for (struct entry *e = dir_next(&d, 0); e != NULL;
	     e = dir_next(&d, e->cookie)) {
		assert_true(e->cookie > cookie);
		cookie = e->cookie;
		assert_string_equal(e->name, name_of(i++));
	}
	assert_int_equal(i, MANY);
	assert_ptr_equal(dir_next(&d, 0), dir_next(&d, DIR_FIRST));
	assert_null(dir_next(&d, UINT64_MAX));
	end(&d);
}

static void a_cookie_is_never_used_again(void **state)
{
	struct dir d = {0};
	uint64_t last = DIR_FIRST;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 30; i++) {
			add(&d, i);
			assert_true(dir_find(&d, name_of(i))->cookie > last);
			last = dir_find(&d, name_of(i))->cookie;
		}
		for (unsigned i = 0; i < 30; i++)
			remove_name(&d, (i + round) % 30);
	}
	end(&d);
}

static void coming_and_going_takes_no_more_and_more_memory(void **state)
{
	struct dir d = {0};
	size_t bytes = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		add(&d, i);
	for (unsigned round = 0; round < 20000; round++) {
		add(&d, 10);
		remove_name(&d, 10);
		if (round == 100)
			bytes = mem_bytes;
	}
	assert_in_range(mem_bytes, 0, bytes);
	end(&d);
}

/* Change the folder as others do between two reads of a listing. */
static void disturb(struct dir *d, uint64_t *random, bool *gone,
		    unsigned *next_new)
{
	for (unsigned n = 0; n < 5; n++) {
		unsigned i = (unsigned)(next_random(random) % (MANY / 2));

		if (!gone[i] && next_random(random) % 2 == 0) {
			remove_name(d, i);
			gone[i] = true;
		} else if (*next_new < MANY) {
			add(d, (*next_new)++);
		}
	}
}

static void check_listing(uint64_t seed)
{
	static bool gone[MANY];
	static unsigned shown[MANY];
	struct dir d = {0};
	unsigned next_new = MANY / 2;
	uint64_t random = seed, cookie = 0;

	memset(gone, 0, sizeof(gone));
	memset(shown, 0, sizeof(shown));
	for (unsigned i = 0; i < MANY / 2; i++)
		add(&d, i);
	for (;;) {
		/* Only the cookie is kept, as the kernel does. */
		struct entry *e = dir_next(&d, cookie);

		if (e == NULL)
			break;
		shown[e->node - nodes]++;
		cookie = e->cookie;
		disturb(&d, &random, gone, &next_new);
	}
	for (unsigned i = 0; i < MANY / 2; i++) {
		assert_in_range(shown[i], gone[i] ? 0 : 1, 1);
	}
	for (unsigned i = MANY / 2; i < MANY; i++)
		assert_in_range(shown[i], 0, 1);
	end(&d);
}

static void a_listing_shows_each_surviving_name_exactly_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		check_listing(seed);
}

static void
a_listing_goes_on_after_the_entry_of_its_cookie_is_gone(void **state)
{
	struct dir d = {0};
	struct entry *e;
	uint64_t cookie;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		add(&d, i);
	cookie = dir_find(&d, name_of(40))->cookie;
	/* Enough for the list to be squeezed. */
	for (unsigned i = 0; i < 90; i++)
		remove_name(&d, i);
	e = dir_next(&d, cookie);
	for (unsigned i = 90; i < 100; i++) {
		assert_non_null(e);
		assert_string_equal(e->name, name_of(i));
		e = dir_next(&d, e->cookie);
	}
	assert_null(e);
	end(&d);
}

static void an_add_that_finds_no_memory_changes_nothing(void **state)
{
	(void)state;
	for (ssize_t failing = 0; failing < 8; failing++) {
		struct dir d = {0};
		unsigned added = 0;

		for (unsigned i = 0; i < 100; i++) {
			mem_fail_in = i % 8 == 0 ? failing % 3 : -1;
			if (dir_add(&d, name_of(i), &nodes[i]) != 0) {
				assert_null(dir_find(&d, name_of(i)));
				mem_fail_in = -1;
				add(&d, i);
			}
			mem_fail_in = -1;
			assert_int_equal(d.count, ++added);
		}
		for (unsigned i = 0; i < 100; i++)
			assert_non_null(dir_find(&d, name_of(i)));
		end(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(an_empty_folder_has_no_names),
		counted_test(every_name_is_found_until_it_is_removed),
		counted_test(names_are_bytes),
		counted_test(names_of_one_hash_stay_apart),
		counted_test(names_come_in_the_order_of_their_cookies),
		counted_test(a_cookie_is_never_used_again),
		counted_test(coming_and_going_takes_no_more_and_more_memory),
		counted_test(a_listing_shows_each_surviving_name_exactly_once),
		counted_test(
			a_listing_goes_on_after_the_entry_of_its_cookie_is_gone),
		counted_test(an_add_that_finds_no_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
