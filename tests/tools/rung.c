/* SPDX-License-Identifier: MIT */
/* Which rung is chosen, for every combination of facts that counts. */
#include "tools/machine/rung.h"

#include "tools/machine/promises.h"
#include "tools/machine/reach.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FACTS = 11 };

/* The machine whose facts are the bits of n. */
static struct machine machine(unsigned n)
{
	struct machine m = {.release = "6.1.0", .major = 6, .minor = 1};
	int *const tried[] = {
		&m.err_device,	    &m.err_fuse,	 &m.err_fusermount,
		&m.err_noswap,	    &m.err_tmpfs,	 &m.err_ramfs,
		&m.err_userns_fuse, &m.err_userns_tmpfs, &m.err_userns_ramfs};

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++)
		*tried[i] = (n >> i & 1) != 0 ? 0 : -EPERM;
	m.has_admin = (n >> 9 & 1) != 0;
	m.is_initial = (n >> 10 & 1) != 0;
	m.err_userns =
		m.err_userns_tmpfs == 0 || m.err_userns_ramfs == 0 ? 0 : -EPERM;
	return m;
}

/* Can that machine show a vault so? */
static bool can(const struct machine *m, enum rung r, bool own)
{
	switch (r) {
	case RUNG_FUSE:
		return m->err_fuse == 0 && m->is_initial;
	case RUNG_FUSERMOUNT:
		return m->err_device == 0 && m->err_fusermount == 0;
	case RUNG_FUSE_USERNS:
		return (m->err_fuse == 0 && !m->is_initial) ||
		       (own && m->err_userns_fuse == 0);
	case RUNG_TMPFS:
		return m->err_noswap == 0;
	case RUNG_TMPFS_SWAP:
		return m->err_tmpfs == 0 || (own && m->err_userns_tmpfs == 0);
	case RUNG_RAMFS:
		return m->err_ramfs == 0 || (own && m->err_userns_ramfs == 0);
	default:
		return false;
	}
}

/* Call check for all machines, backends, and with and without a namespace. */
static void for_all(void (*check)(const struct machine *m, enum backend_kind b,
				  bool own, enum rung r))
{
	for (unsigned n = 0; n < 1U << FACTS; n++)
		for (enum backend_kind b = 0; b <= BACKEND_RAMFS; b++)
			for (int own = 0; own < 2; own++) {
				struct machine m = machine(n);

				check(&m, b, own != 0,
				      rung_choose(&m, b, own != 0));
			}
}

static void check_possible(const struct machine *m, enum backend_kind b,
			   bool own, enum rung r)
{
	(void)b;
	assert_true(r == RUNG_NONE || can(m, r, own));
	/* Who may mount has no use for fusermount3. */
	assert_false(r == RUNG_FUSERMOUNT && m->has_admin);
}

static void chooses_what_can_be_had(void **state)
{
	(void)state;
	for_all(check_possible);
}

static void check_backend(const struct machine *m, enum backend_kind b,
			  bool own, enum rung r)
{
	const bool is_fuse = r >= RUNG_FUSE && r <= RUNG_FUSE_USERNS;
	const bool is_tmpfs = r == RUNG_TMPFS || r == RUNG_TMPFS_SWAP;

	(void)m, (void)own;
	if (r == RUNG_NONE || b == BACKEND_AUTO)
		return;
	assert_int_equal(is_fuse, b == BACKEND_FUSE);
	assert_int_equal(is_tmpfs, b == BACKEND_TMPFS);
	assert_int_equal(r == RUNG_RAMFS, b == BACKEND_RAMFS);
}

static void keeps_to_the_backend_that_is_wanted(void **state)
{
	(void)state;
	for_all(check_backend);
}

static void check_order(const struct machine *m, enum backend_kind b, bool own,
			enum rung r)
{
	if (b != BACKEND_AUTO)
		return;
	for (enum rung better = RUNG_FUSE;
	     better < (r != RUNG_NONE ? r : RUNG_COUNT); better++) {
		/* Who may mount does not call fusermount3. */
		if (better == RUNG_FUSERMOUNT &&
		    (m->has_admin || m->err_fuse == 0))
			continue;
		/* In a user namespace, ramfs stands in for it. */
		if (better == RUNG_TMPFS_SWAP &&
		    (m->err_tmpfs != 0 || !m->is_initial))
			continue;
		assert_false(can(m, better, own));
	}
}

static void leaves_out_nothing_that_is_better(void **state)
{
	(void)state;
	for_all(check_order);
}

static void check_forced(const struct machine *m, enum backend_kind b, bool own,
			 enum rung r)
{
	if (b == BACKEND_FUSE && r == RUNG_NONE)
		assert_false(can(m, RUNG_FUSE, own) ||
			     can(m, RUNG_FUSE_USERNS, own) ||
			     (can(m, RUNG_FUSERMOUNT, own) && !m->has_admin));
	if (b == BACKEND_TMPFS && r == RUNG_NONE)
		assert_false(can(m, RUNG_TMPFS, own) ||
			     can(m, RUNG_TMPFS_SWAP, own));
	if (b == BACKEND_RAMFS)
		assert_int_equal(r != RUNG_NONE, can(m, RUNG_RAMFS, own));
}

static void refuses_only_what_cannot_be_had(void **state)
{
	(void)state;
	for_all(check_forced);
}

static void check_swap(const struct machine *m, enum backend_kind b, bool own,
		       enum rung r)
{
	if (r != RUNG_TMPFS_SWAP)
		return;
	assert_int_not_equal(m->err_noswap, 0);
	assert_true(b == BACKEND_TMPFS || (m->is_initial && m->err_tmpfs == 0));
	(void)own;
}

static void swaps_only_for_real_root_or_if_asked(void **state)
{
	(void)state;
	for_all(check_swap);
}

static void check_userns(const struct machine *m, enum backend_kind b, bool own,
			 enum rung r)
{
	if (!own)
		assert_false(rung_needs_userns(m, r));
	else if (r != RUNG_NONE && !rung_needs_userns(m, r))
		assert_true(can(m, r, false));
	/* A namespace adds to what can be had. */
	if (own && rung_choose(m, b, false) != RUNG_NONE)
		assert_int_not_equal(r, RUNG_NONE);
}

static void makes_a_namespace_only_if_it_may_and_must(void **state)
{
	(void)state;
	for_all(check_userns);
}

/* What is chosen where nobody says how. */
static enum rung chosen(unsigned facts, bool own)
{
	struct machine m = machine(facts);

	return rung_choose(&m, BACKEND_AUTO, own);
}

static void goes_down_the_ladder(void **state)
{
	enum {
		DEVICE = 1 << 0,
		FUSE = 1 << 1,
		FUSERMOUNT = 1 << 2,
		NOSWAP = 1 << 3,
		TMPFS = 1 << 4,
		RAMFS = 1 << 5,
		INSIDE = 1 << 6 | 1 << 7 | 1 << 8, /* a user namespace */
		INSIDE_MEMORY = 1 << 7 | 1 << 8,   /* ... without FUSE */
		ADMIN = 1 << 9,
		INITIAL = 1 << 10,
		ROOT = ADMIN | INITIAL,
		ALL = (1 << FACTS) - 1,
	};

	(void)state;
	assert_int_equal(chosen(ALL, true), RUNG_FUSE);
	assert_int_equal(chosen(DEVICE | FUSERMOUNT | INSIDE | INITIAL, true),
			 RUNG_FUSERMOUNT);
	assert_int_equal(chosen(DEVICE | INSIDE | INITIAL, true),
			 RUNG_FUSE_USERNS);
	assert_int_equal(chosen(DEVICE | INSIDE | INITIAL, false), RUNG_NONE);
	assert_int_equal(chosen(ROOT | NOSWAP | TMPFS | RAMFS, false),
			 RUNG_TMPFS);
	assert_int_equal(chosen(ROOT | TMPFS | RAMFS, false), RUNG_TMPFS_SWAP);
	assert_int_equal(chosen(ADMIN | TMPFS | RAMFS, false), RUNG_RAMFS);
	assert_int_equal(chosen(INITIAL | INSIDE_MEMORY, true), RUNG_RAMFS);
	assert_int_equal(chosen(INITIAL | INSIDE_MEMORY, false), RUNG_NONE);
	assert_int_equal(chosen(0, true), RUNG_NONE);
}

static void names_are_their_own(void **state)
{
	(void)state;
	for (enum rung r = RUNG_FUSE; r < RUNG_COUNT; r++) {
		assert_int_equal(rung_of_name(rung_name(r)), r);
		assert_true(strlen(rung_title(r)) > 0);
		for (enum rung other = RUNG_NONE; other < r; other++)
			assert_string_not_equal(rung_title(r),
						rung_title(other));
	}
	assert_int_equal(rung_of_name(""), RUNG_NONE);
	assert_int_equal(rung_of_name("fus"), RUNG_NONE);
	assert_int_equal(rung_of_name("none"), RUNG_NONE);
}

/* Each error that a fact may have, as far as it is told apart. */
static void check_reach(struct machine *m)
{
	for (enum rung r = RUNG_FUSE; r < RUNG_COUNT; r++) {
		struct reach reach;

		reach_explain(&reach, m, r);
		assert_true(strlen(reach.why) > 0);
		assert_true(strlen(reach.how) > 0);
		assert_null(strchr(reach.why, '\n'));
		assert_null(strchr(reach.how, '\n'));
		/* Nothing was cut off. */
		assert_true(strlen(reach.why) < sizeof(reach.why) - 1);
		assert_true(strlen(reach.how) < sizeof(reach.how) - 1);
	}
}

static void says_why_and_how_whatever_is_missing(void **state)
{
	static const int errors[] = {-EPERM,  -EACCES, -ENOENT, -ENODEV,
				     -EINVAL, -ENOSPC, -ENOSYS, -ETIMEDOUT};

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		for (unsigned flags = 0; flags < 1U << 5; flags++) {
			struct machine m = machine(0);

			m.err_device = (flags & 1) != 0 ? errors[i] : 0;
			m.err_fuse = m.err_fusermount = errors[i];
			m.err_tmpfs = m.err_noswap = m.err_ramfs = errors[i];
			m.err_userns = (flags & 2) != 0 ? errors[i] : 0;
			m.err_userns_fuse = m.err_userns_ramfs = errors[i];
			m.has_admin = (flags & 4) != 0;
			m.is_container = (flags & 8) != 0;
			m.no_new_privs = (flags & 16) != 0;
			check_reach(&m);
		}
}

/* The state of one promise. */
static enum promise_state state_of(enum rung r, const char *name,
				   struct circumstances c)
{
	struct promise all[PROMISES_COUNT];

	promises_of(all, r, &c);
	for (size_t i = 0; i < PROMISES_COUNT; i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].state;
	fail_msg("no promise %s", name);
	return PROMISE_BROKEN;
}

static void every_promise_is_whole(void **state)
{
	struct promise p[PROMISES_COUNT];

	(void)state;
	for (enum rung r = RUNG_FUSE; r < RUNG_COUNT; r++)
		for (unsigned n = 0; n < 1U << 4; n++) {
			const struct circumstances c = {
				(n & 1) != 0, (n & 2) != 0, (n & 4) != 0,
				(n & 8) != 0};

			promises_of(p, r, &c);
			for (size_t i = 0; i < PROMISES_COUNT; i++) {
				assert_true(strlen(p[i].name) > 0);
				assert_true(strlen(p[i].title) > 0);
				assert_true(strlen(p[i].why) > 0);
				assert_int_not_equal(
					p[i].why[strlen(p[i].why) - 1], '.');
			}
		}
}

static void promises_depend_on_what_they_say(void **state)
{
	const struct circumstances none = {0}, swap = {.swap_on = true},
				   let = {.admin_access = true},
				   others = {.allow_other = true},
				   own = {.own_namespace = true};

	(void)state;
	assert_int_equal(state_of(RUNG_TMPFS_SWAP, "swap", swap),
			 PROMISE_BROKEN);
	assert_int_equal(state_of(RUNG_TMPFS_SWAP, "swap", none),
			 PROMISE_PARTLY);
	for (enum rung r = RUNG_FUSE; r < RUNG_COUNT; r++) {
		if (r != RUNG_TMPFS_SWAP)
			assert_int_equal(state_of(r, "swap", swap),
					 PROMISE_HOLDS);
		assert_int_equal(state_of(r, "users", none), PROMISE_HOLDS);
		assert_int_not_equal(state_of(r, "root", none), PROMISE_HOLDS);
		assert_int_equal(state_of(r, "root", let), PROMISE_BROKEN);
		assert_int_equal(state_of(r, "invisible", own), PROMISE_HOLDS);
		assert_int_equal(state_of(r, "fsync", none),
				 r <= RUNG_FUSE_USERNS ? PROMISE_HOLDS
						       : PROMISE_BROKEN);
	}
	assert_int_equal(state_of(RUNG_FUSERMOUNT, "users", others),
			 PROMISE_PARTLY);
	assert_int_equal(state_of(RUNG_FUSERMOUNT, "root", others),
			 PROMISE_BROKEN);
	assert_int_equal(state_of(RUNG_FUSERMOUNT, "root", none),
			 PROMISE_PARTLY);
	assert_int_equal(state_of(RUNG_FUSE_USERNS, "users", others),
			 PROMISE_HOLDS);
	assert_int_equal(state_of(RUNG_FUSE_USERNS, "invisible", none),
			 PROMISE_HOLDS);
	assert_int_equal(state_of(RUNG_RAMFS, "size", none), PROMISE_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_what_can_be_had),
		cmocka_unit_test(keeps_to_the_backend_that_is_wanted),
		cmocka_unit_test(leaves_out_nothing_that_is_better),
		cmocka_unit_test(refuses_only_what_cannot_be_had),
		cmocka_unit_test(swaps_only_for_real_root_or_if_asked),
		cmocka_unit_test(makes_a_namespace_only_if_it_may_and_must),
		cmocka_unit_test(goes_down_the_ladder),
		cmocka_unit_test(names_are_their_own),
		cmocka_unit_test(says_why_and_how_whatever_is_missing),
		cmocka_unit_test(every_promise_is_whole),
		cmocka_unit_test(promises_depend_on_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
