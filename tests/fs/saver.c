/* SPDX-License-Identifier: MIT */
/*
 * fsync(2) is this program's own: it is where a seal waits until the test
 * lets it go on, and where it fails if the test says so.  So no test sleeps.
 */
#include "fs/saver.h"
#include "common.h"
#include "files.h"
#include "vaults.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static struct {
	atomic_bool shut; /* the next fsync waits for open */
	atomic_int err;	  /* the next ones fail with it */
	sem_t reached, open;
	atomic_uint renames; /* saves that came so far */
} gate;

int fsync(int fd)
{
	int err;

	if (atomic_exchange(&gate.shut, false)) {
		(void)sem_post(&gate.reached);
		while (sem_wait(&gate.open) != 0)
			;
	}
	err = atomic_load(&gate.err);
	if (err == 0)
		return (int)syscall(SYS_fsync, fd);
	errno = err;
	return -1;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	(void)atomic_fetch_add(&gate.renames, 1);
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

/* How a vault that is new gets its name. */
int linkat(int from_dir, const char *from, int to_dir, const char *to,
	   int flags)
{
	(void)atomic_fetch_add(&gate.renames, strcmp(to, "v") == 0);
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

static struct vault *vault;
static struct store *store;
static struct tree *tree;
static struct node *file;
static struct saver *saver;

/* A saver of a tree that has one change which no seal holds. */
static int set_up(void **state)
{
	struct saver_parts parts;

	if (make_folder(state) != 0)
		return -1;
	(void)sem_init(&gate.reached, 0, 0);
	(void)sem_init(&gate.open, 0, 0);
	gate.shut = false;
	gate.err = 0;
	gate.renames = 0;
	vault = new_vault("x");
	tree = ample_tree();
	assert_int_equal(store_create(&store, in_folder("v")), 0);
	parts = (struct saver_parts){
		.sealing = {.vault = vault, .store = store}, .tree = tree};
	assert_int_equal(saver_start(&saver, &parts), 0);
	file = make_text(tree, root_of(tree), "f", "0");
	return 0;
}

static int tear_down(void **state)
{
	saver_stop(saver);
	store_close(store);
	vault_close(vault);
	tree_free(tree);
	return remove_folder(state);
}

/* What somebody who waits has heard. */
struct heard {
	unsigned times;
	int err;
};

static void hear(void *ctx, int err)
{
	struct heard *h = ctx;

	h->times++;
	h->err = err;
}

static void request(enum vault_salt salt, struct heard *h)
{
	assert_int_equal(saver_request(saver, salt, hear, h), 0);
}

static void change(const char *text)
{
	write_at(tree, file, 0, text, strlen(text));
}

/* What has to be looked at before a seal begins is collected meanwhile. */
static void wait_for_gate(void)
{
	struct pollfd p = {.fd = saver_fd(saver), .events = POLLIN};

	while (sem_trywait(&gate.reached) != 0)
		if (poll(&p, 1, 10) == 1)
			saver_collect(saver);
}

static void open_gate(void)
{
	(void)sem_post(&gate.open);
}

/* Collect until h has heard something. */
static void wait_until_told(const struct heard *h)
{
	while (h->times == 0) {
		struct pollfd p = {.fd = saver_fd(saver), .events = POLLIN};

		if (poll(&p, 1, 30000) != 1)
			fail_msg("no end of the seal in 30 seconds");
		saver_collect(saver);
	}
}

/* A seal of what is in the tree now, under way and held at the gate. */
static void begin_held(struct heard *h)
{
	gate.shut = true;
	request(VAULT_SESSION, h);
	wait_for_gate();
	assert_true(saver_state(saver).busy);
	assert_int_equal(h->times, 0);
}

static void assert_sealed_text(const char *want)
{
	struct blob b = slurp(in_folder("v"));
	struct vault *v = reopened(&b, "x");
	struct tree *t = ample_tree();
	struct tar_report report;

	assert_int_equal(vault_load(v, &b, t, &report), 0);
	assert_text(at_path(t, "f"), want);
	vault_close(v);
	tree_free(t);
	blob_free(&b);
}

static bool find_beside(char name[static 256])
{
	DIR *d = opendir(in_folder("."));
	const struct dirent *e;
	bool found = false;

	assert_non_null(d);
	while (!found && (e = readdir(d)) != NULL) {
		found = strncmp(e->d_name, "v.conflict-", 11) == 0;
		(void)snprintf(name, 256, "%s", e->d_name);
	}
	(void)closedir(d);
	return found;
}

static void a_request_seals_what_is_there(void **state)
{
	struct heard h = {0};
	struct saver_state s = saver_state(saver);

	(void)state;
	assert_true(s.dirty);
	assert_false(s.busy);
	assert_int_equal(s.saves, 0);
	request(VAULT_SESSION, &h);
	wait_until_told(&h);
	assert_int_equal(h.err, 0);
	s = saver_state(saver);
	assert_false(s.dirty);
	assert_false(s.busy);
	assert_int_equal(s.saves, 1);
	assert_int_equal(s.error, 0);
	assert_int_equal(s.params.generation, 1);
	{
		struct blob b = slurp(in_folder("v"));

		assert_int_equal(s.sealed_bytes, b.len);
		blob_free(&b);
	}
	assert_sealed_text("0");
}

static void a_clean_request_looks_and_seals_nothing(void **state)
{
	struct heard h = {0}, again = {0};

	(void)state;
	request(VAULT_SESSION, &h);
	wait_until_told(&h);
	request(VAULT_FRESH, &again);
	/* The disk, which may hang, is looked at by the other thread. */
	assert_int_equal(again.times, 0);
	assert_false(saver_state(saver).busy);
	wait_until_told(&again);
	assert_int_equal(again.err, 0);
	assert_int_equal(gate.renames, 1);
}

static void all_who_ask_while_a_seal_is_under_way_share_the_next(void **state)
{
	struct heard first = {0}, rest[10] = {{0}};

	(void)state;
	begin_held(&first);
	for (size_t i = 0; i < COUNT(rest); i++) {
		const char text[] = {(char)('1' + i), '\0'};

		change(text);
		request(VAULT_SESSION, &rest[i]);
		/* Nothing is to be collected, and that does no harm. */
		saver_collect(saver);
	}
	open_gate();
	wait_until_told(&first);
	for (size_t i = 0; i < COUNT(rest); i++)
		assert_int_equal(rest[i].times, 0);
	assert_true(saver_state(saver).dirty);
	wait_until_told(&rest[0]);
	for (size_t i = 0; i < COUNT(rest); i++) {
		assert_int_equal(rest[i].times, 1);
		assert_int_equal(rest[i].err, 0);
	}
	assert_int_equal(first.times, 1);
	assert_int_equal(gate.renames, 2);
	assert_int_equal(saver_state(saver).saves, 2);
	assert_false(saver_state(saver).dirty);
	assert_sealed_text(":");
}

/* The first of them comes back before the next seal begins. */
static void those_who_come_back_share_a_seal_with_those_who_wait(void **state)
{
	struct heard first = {0}, again = {0}, rest[3] = {{0}};

	(void)state;
	begin_held(&first);
	for (size_t i = 0; i < COUNT(rest); i++) {
		change("waits");
		request(VAULT_SESSION, &rest[i]);
	}
	open_gate();
	wait_until_told(&first);
	if (saver_state(saver).busy)
		skip(); /* this machine was slower than any writer */
	change("again");
	request(VAULT_SESSION, &again);
	/* Now nobody is missing. */
	assert_true(saver_state(saver).busy);
	wait_until_told(&again);
	for (size_t i = 0; i < COUNT(rest); i++)
		assert_int_equal(rest[i].times, 1);
	assert_int_equal(gate.renames, 2);
	assert_sealed_text("again");
}

/* A save that somebody wants now does not wait for others. */
static void an_explicit_save_does_not_wait_for_others(void **state)
{
	struct heard first = {0}, second = {0}, third = {0};

	(void)state;
	begin_held(&first);
	change("1");
	request(VAULT_SESSION, &second);
	open_gate();
	wait_until_told(&first);
	change("2");
	request(VAULT_FRESH, &third);
	assert_true(saver_state(saver).busy);
	wait_until_told(&third);
	assert_int_equal(second.times, 1);
}

static void
who_asks_for_what_is_being_sealed_gets_no_seal_of_his_own(void **state)
{
	struct heard first = {0}, second = {0};

	(void)state;
	begin_held(&first);
	request(VAULT_SESSION, &second);
	open_gate();
	wait_until_told(&second);
	assert_int_equal(first.times, 1);
	assert_int_equal(second.err, 0);
	assert_int_equal(gate.renames, 1);
}

static void a_change_during_a_seal_is_not_in_it(void **state)
{
	struct heard first = {0};

	(void)state;
	begin_held(&first);
	change("1");
	open_gate();
	wait_until_told(&first);
	assert_int_equal(first.err, 0);
	assert_true(saver_state(saver).dirty);
	assert_false(saver_state(saver).busy);
	assert_sealed_text("0");
}

static void an_error_reaches_all_and_the_changes_stay_unsealed(void **state)
{
	struct heard first = {0}, rest[3] = {{0}}, last = {0};

	(void)state;
	begin_held(&first);
	for (size_t i = 0; i < COUNT(rest); i++) {
		change("1");
		request(VAULT_SESSION, &rest[i]);
	}
	gate.err = EIO;
	open_gate();
	wait_until_told(&rest[0]);
	assert_int_equal(first.err, -EIO);
	for (size_t i = 0; i < COUNT(rest); i++) {
		assert_int_equal(rest[i].times, 1);
		assert_int_equal(rest[i].err, -EIO);
	}
	assert_true(saver_state(saver).dirty);
	assert_false(saver_state(saver).busy);
	assert_int_equal(saver_state(saver).error, -EIO);
	assert_int_equal(saver_state(saver).saves, 0);
	/* And once it works again: */
	gate.err = 0;
	request(VAULT_SESSION, &last);
	wait_until_told(&last);
	assert_int_equal(last.err, 0);
	assert_false(saver_state(saver).dirty);
	assert_int_equal(saver_state(saver).error, 0);
	assert_int_equal(saver_state(saver).saves, 1);
	assert_sealed_text("1");
}

/* What the seal held is asked for again by one who came while it failed. */
static void who_asked_during_a_seal_that_fails_gets_another_try(void **state)
{
	struct heard first = {0}, second = {0};

	(void)state;
	begin_held(&first);
	request(VAULT_SESSION, &second);
	gate.err = EIO;
	/* The first fails; the second is held, and may succeed. */
	open_gate();
	wait_until_told(&first);
	assert_int_equal(first.err, -EIO);
	gate.err = 0;
	wait_until_told(&second);
	assert_int_equal(second.times, 1);
	assert_int_equal(second.err == 0, !saver_state(saver).dirty);
}

static void one_fresh_salt_is_enough_for_all_who_share_a_seal(void **state)
{
	struct heard first = {0}, session = {0}, fresh = {0}, last = {0};
	struct seal_params p[3];

	(void)state;
	begin_held(&first);
	change("1");
	request(VAULT_SESSION, &session);
	request(VAULT_FRESH, &fresh);
	request(VAULT_SESSION, &session);
	open_gate();
	wait_until_told(&first);
	p[0] = saver_state(saver).params;
	wait_until_told(&fresh);
	p[1] = saver_state(saver).params;
	assert_int_equal(session.times, 2);
	change("2");
	request(VAULT_SESSION, &last);
	wait_until_told(&last);
	p[2] = saver_state(saver).params;
	assert_memory_not_equal(p[0].salt, p[1].salt, sizeof(p[0].salt));
	assert_memory_equal(p[1].salt, p[2].salt, sizeof(p[1].salt));
	assert_int_equal(p[2].generation, 3);
	assert_sealed_text("2");
}

static void a_flush_waits_for_what_is_under_way_and_what_is_not(void **state)
{
	struct heard first = {0};

	(void)state;
	begin_held(&first);
	change("1");
	open_gate();
	assert_int_equal(saver_flush(saver), 0);
	assert_int_equal(first.times, 1);
	assert_false(saver_state(saver).dirty);
	assert_int_equal(gate.renames, 2);
	assert_int_equal(saver_flush(saver), 0);
	assert_int_equal(gate.renames, 2);
	change("2");
	gate.err = ENOSPC;
	assert_int_equal(saver_flush(saver), -ENOSPC);
	assert_true(saver_state(saver).dirty);
	gate.err = 0;
	assert_int_equal(saver_flush(saver), 0);
	assert_sealed_text("2");
}

static void the_descriptor_is_readable_only_when_a_seal_has_ended(void **state)
{
	struct pollfd p = {.fd = saver_fd(saver), .events = POLLIN};
	struct heard first = {0};

	(void)state;
	assert_int_equal(poll(&p, 1, 0), 0);
	begin_held(&first);
	assert_int_equal(poll(&p, 1, 0), 0);
	open_gate();
	wait_until_told(&first);
	assert_int_equal(poll(&p, 1, 0), 0);
}

/* Changes something and asks anew when it is told, so often. */
static struct heard again[3];
static unsigned asked;

static void hear_and_ask(void *ctx, int err)
{
	hear(ctx, err);
	if (asked == COUNT(again))
		return;
	change("9");
	assert_int_equal(saver_request(saver, VAULT_SESSION, hear_and_ask,
				       &again[asked++]),
			 0);
}

static void who_is_told_may_ask_again(void **state)
{
	struct heard first = {0}, other = {0};

	(void)state;
	assert_int_equal(
		saver_request(saver, VAULT_SESSION, hear_and_ask, &first), 0);
	change("1");
	request(VAULT_SESSION, &other);
	wait_until_told(&other);
	wait_until_told(&again[COUNT(again) - 1]);
	assert_int_equal(first.times, 1);
	assert_int_equal(other.times, 1);
	for (size_t i = 0; i < COUNT(again); i++) {
		assert_int_equal(again[i].times, 1);
		assert_int_equal(again[i].err, 0);
	}
	assert_false(saver_state(saver).dirty);
	assert_sealed_text("9");
}

/* A clean tree is no saved vault: the vault may be gone. */
static void
who_asks_during_a_seal_that_fails_is_not_told_it_is_saved(void **state)
{
	struct heard first = {0}, second = {0};

	(void)state;
	assert_int_equal(saver_flush(saver), 0);
	assert_int_equal(unlink(in_folder("v")), 0);
	begin_held(&first);
	request(VAULT_SESSION, &second);
	gate.err = ENOSPC;
	open_gate();
	wait_until_told(&first);
	assert_int_equal(first.err, -ENOSPC);
	wait_until_told(&second);
	assert_int_equal(second.err, -ENOSPC);
	gate.err = 0;
	assert_int_equal(saver_flush(saver), 0);
	assert_sealed_text("0");
}

/* What is said to be kept beside is there. */
static void what_was_kept_beside_and_is_gone_is_kept_again(void **state)
{
	char name[256];

	(void)state;
	assert_int_equal(saver_flush(saver), 0);
	change("1");
	write_file("other", "a stranger", 10);
	assert_int_equal(rename(in_folder("other"), in_folder("v")), 0);
	assert_int_equal(saver_flush(saver), -ESTALE);
	assert_true(saver_state(saver).beside);
	assert_true(find_beside(name));
	assert_int_equal(unlink(in_folder(name)), 0);
	assert_int_equal(saver_flush(saver), -ESTALE);
	assert_true(find_beside(name));
	/* Another one in its place is not ours to replace. */
	write_file(name, "somebody's", 10);
	(void)saver_flush(saver);
	assert_false(saver_state(saver).beside);
	/* Nor does it hold what comes after it. */
	assert_int_equal(unlink(in_folder(name)), 0);
	assert_int_equal(saver_flush(saver), -ESTALE);
	assert_true(saver_state(saver).beside);
	change("2");
	assert_false(saver_state(saver).beside);
}

static void stop_waits_for_the_seal_under_way_and_tells(void **state)
{
	struct heard first = {0}, second = {0};

	(void)state;
	begin_held(&first);
	change("1");
	request(VAULT_SESSION, &second);
	open_gate();
	saver_stop(saver);
	saver = NULL;
	assert_int_equal(first.times, 1);
	assert_int_equal(first.err, 0);
	assert_int_equal(second.times, 1);
	assert_sealed_text(second.err == 0 ? "1" : "0");
}

/* A seal that was asked for just now, which no thread has begun yet. */
static void stop_forgets_no_one_who_has_just_asked(void **state)
{
	struct heard h = {0};

	(void)state;
	request(VAULT_SESSION, &h);
	saver_stop(saver);
	saver = NULL;
	assert_int_equal(h.times, 1);
	if (h.err == 0)
		assert_sealed_text("0");
	else
		assert_false(exists("v"));
}

#define saver_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static int start(void **state)
{
	(void)state;
	return crypto_start();
}

/* A seal that could not be stored has used up a number all the same. */
static void an_older_vault_is_kept_under_the_number_that_it_has(void **state)
{
	const struct saver_parts parts = {
		.sealing = {.vault = vault,
			    .store = store,
			    .history = {.keep = 5}},
		.tree = tree,
	};
	struct generation *g = NULL;
	struct seal_params p;
	struct blob b = {0};
	size_t count = 0;

	(void)state;
	saver_stop(saver);
	assert_int_equal(saver_start(&saver, &parts), 0);
	write_at(tree, file, 0, (const uint8_t *)"1", 1);
	assert_int_equal(saver_flush(saver), 0);
	write_at(tree, file, 0, (const uint8_t *)"2", 1);
	gate.err = ENOSPC;
	assert_int_equal(saver_flush(saver), -ENOSPC);
	gate.err = 0;
	assert_int_equal(saver_flush(saver), 0);
	assert_int_equal(history_list(&g, &count, store), 0);
	assert_int_equal(count, 1);
	assert_int_equal(history_load(&b, store, g[0].number, MIB), 0);
	assert_int_equal(seal_parse(&p, &b), 0);
	assert_int_equal(p.generation, g[0].number);
	blob_free(&b);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		saver_test(a_request_seals_what_is_there),
		saver_test(a_clean_request_looks_and_seals_nothing),
		saver_test(
			all_who_ask_while_a_seal_is_under_way_share_the_next),
		saver_test(
			those_who_come_back_share_a_seal_with_those_who_wait),
		saver_test(an_explicit_save_does_not_wait_for_others),
		saver_test(
			who_asks_during_a_seal_that_fails_is_not_told_it_is_saved),
		saver_test(what_was_kept_beside_and_is_gone_is_kept_again),
		saver_test(
			who_asks_for_what_is_being_sealed_gets_no_seal_of_his_own),
		saver_test(a_change_during_a_seal_is_not_in_it),
		saver_test(an_error_reaches_all_and_the_changes_stay_unsealed),
		saver_test(who_asked_during_a_seal_that_fails_gets_another_try),
		saver_test(an_older_vault_is_kept_under_the_number_that_it_has),
		saver_test(one_fresh_salt_is_enough_for_all_who_share_a_seal),
		saver_test(a_flush_waits_for_what_is_under_way_and_what_is_not),
		saver_test(
			the_descriptor_is_readable_only_when_a_seal_has_ended),
		saver_test(who_is_told_may_ask_again),
		saver_test(stop_waits_for_the_seal_under_way_and_tells),
		saver_test(stop_forgets_no_one_who_has_just_asked),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
