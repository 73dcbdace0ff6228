/* SPDX-License-Identifier: MIT */
#include "fs/vault.h"
#include "archives.h"
#include "common.h"
#include "files.h"
#include "vaults.h"

#include <openssl/sha.h>

enum { NONCE_AT_1 = 32, NONCE_AT_2 = 64 };

static struct tar_report report;

static int start(void **state)
{
	(void)state;
	return crypto_start();
}

static void a_vault_comes_back_from_its_sealed_bytes(void **state)
{
	struct vault *v = new_vault("correct horse"), *w = NULL;
	struct tree *t = ample_tree(), *copy = ample_tree();
	struct blob b;

	(void)state;
	assert_int_equal(vault_params(v)->format, 2);
	assert_int_equal(vault_params(v)->generation, 0);
	(void)make_text(t, make_dir(t, root_of(t), "d"), "f", "secret");
	b = sealed_tree(v, t, VAULT_SESSION);
	assert_null(memmem(b.data, b.len, "secret", 6));
	assert_int_equal(vault_params(v)->generation, 1);
	assert_int_equal(try_open(&w, &b, "wrong horse"), -EKEYREJECTED);
	assert_null(w);
	w = reopened(&b, "correct horse");
	assert_memory_equal(vault_params(w), vault_params(v),
			    sizeof(*vault_params(v)));
	assert_int_equal(vault_load(w, &b, copy, &report), 0);
	assert_same_tree(root_of(t), root_of(copy));
	vault_close(v);
	vault_close(w);
	vault_close(NULL);
	blob_free(&b);
	tree_free(t);
	tree_free(copy);
}

static void each_seal_counts_up_and_takes_a_nonce_of_its_own(void **state)
{
	struct vault *v = new_vault("x");
	struct tree *t = ample_tree();
	struct seal_params p[4] = {*vault_params(v)};
	struct blob b[4] = {{0}};

	(void)state;
	b[1] = sealed_tree(v, t, VAULT_SESSION);
	p[1] = *vault_params(v);
	b[2] = sealed_tree(v, t, VAULT_SESSION);
	p[2] = *vault_params(v);
	assert_int_equal(vault_prepare(v), 0);
	assert_memory_equal(vault_params(v), &p[2], sizeof(p[2]));
	b[3] = sealed_tree(v, t, VAULT_FRESH);
	p[3] = *vault_params(v);
	for (unsigned i = 1; i <= 3; i++) {
		struct seal_params seen;

		assert_int_equal(seal_parse(&seen, &b[i]), 0);
		assert_memory_equal(&seen, &p[i], sizeof(seen));
		assert_int_equal(p[i].generation, i);
		assert_true(p[i].time_ns > p[i - 1].time_ns);
		assert_memory_equal(p[i].id, p[0].id, sizeof(p[0].id));
		for (unsigned j = 1; j < i; j++)
			assert_memory_not_equal(b[i].data + NONCE_AT_2,
						b[j].data + NONCE_AT_2, 12);
	}
	assert_memory_equal(p[1].salt, p[2].salt, sizeof(p[1].salt));
	assert_memory_not_equal(p[2].salt, p[3].salt, sizeof(p[2].salt));
	vault_close(v);
	for (unsigned i = 1; i <= 3; i++)
		blob_free(&b[i]);
	tree_free(t);
}

static void an_altered_vault_is_refused(void **state)
{
	struct vault *v = new_vault("x"), *w = NULL;
	struct tree *t = ample_tree();
	struct blob b = sealed_tree(v, t, VAULT_SESSION);

	(void)state;
	b.data[b.len / 2 + 60] ^= 1;
	assert_int_equal(vault_load(v, &b, t, &report), -EBADMSG);
	assert_int_equal(root_of(t)->dir.count, 0);
	b.len -= 20;
	assert_int_equal(vault_load(v, &b, t, &report), -EBADMSG);
	b.len = 59;
	assert_int_equal(try_open(&w, &b, "x"), -ENODATA);
	assert_null(w);
	vault_close(v);
	blob_free(&b);
	tree_free(t);
}

/* A vault of the Go program's: opened, loaded and sealed again. */
static struct tree *load_go(const char *name)
{
	char path[200];
	struct blob b, again, pass;
	struct vault *v, *w;
	struct tree *t = ample_tree(), *copy = ample_tree();

	(void)snprintf(path, sizeof(path), "tests/data/go/%s.passphrase", name);
	pass = slurp(path);
	(void)snprintf(path, sizeof(path), "tests/data/go/%s.tar.aes", name);
	b = slurp(path);
	v = reopened(&b, (const char *)pass.data);
	assert_int_equal(vault_params(v)->format, 1);
	assert_int_equal(vault_load(v, &b, t, &report), 0);
	assert_sound(t);
	again = sealed_tree(v, t, VAULT_FRESH);
	assert_int_equal(vault_params(v)->format, 1);
	assert_memory_not_equal(again.data, b.data, 32);
	assert_memory_not_equal(again.data + NONCE_AT_1, b.data + NONCE_AT_1,
				12);
	w = reopened(&again, (const char *)pass.data);
	assert_int_equal(vault_params(w)->format, 1);
	{
		struct tar_report clean;

		assert_int_equal(vault_load(w, &again, copy, &clean), 0);
		assert_false(clean.dropped_passphrase);
	}
	assert_same_tree(root_of(t), root_of(copy));
	tree_free(copy);
	vault_close(v);
	vault_close(w);
	blob_free(&b);
	blob_free(&again);
	blob_free(&pass);
	return t;
}

static unsigned count_all(const struct node *dir)
{
	unsigned n = 0;

	for (struct entry *e = dir_next(&dir->dir, 0); e != NULL;
	     e = dir_next(&dir->dir, e->cookie))
		n += 1 + (S_ISDIR(e->node->attr.mode) ? count_all(e->node) : 0);
	return n;
}

/* go-basic.list has a line per entry: type, mode, size and path. */
static void check_listing(struct tree *t)
{
	FILE *f = fopen("tests/data/go/go-basic.list", "re");
	char line[1000], type, path[900];
	unsigned mode, size, n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		const struct node *node;

		assert_int_equal(sscanf(line, "%c %o %u ./%899[^\n]", &type,
					&mode, &size, path),
				 4);
		if (strcmp(path, ".vault_pass") == 0)
			continue;
		node = at_path(t, path);
		assert_int_equal(node->attr.mode & 07777, mode);
		assert_int_equal(S_ISDIR(node->attr.mode), type == 'd');
		if (type == 'f')
			assert_int_equal(node->attr.size, size);
		n++;
	}
	assert_int_equal(fclose(f), 0);
	assert_in_range(n, 10, 100);
	assert_int_equal(count_all(root_of(t)), n);
}

static void check_digest(const struct node *n, const char *want)
{
	static uint8_t buf[100000];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char text[2 * SHA256_DIGEST_LENGTH + 1];
	ssize_t len = node_read(n, 0, buf, sizeof(buf));

	assert_int_equal(len, n->attr.size);
	(void)SHA256(buf, (size_t)len, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(text, want);
}

/* go-basic.sha256 is what sha256sum(1) wrote. */
static void check_digests(struct tree *t)
{
	FILE *f = fopen("tests/data/go/go-basic.sha256", "re");
	char line[1000], digest[65], path[900];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		assert_int_equal(sscanf(line, "%64s %899[^\n]", digest, path),
				 2);
		if (strcmp(path, "./.vault_pass") == 0)
			continue;
		check_digest(at_path(t, path + 2), digest);
		n++;
	}
	assert_int_equal(fclose(f), 0);
	assert_in_range(n, 8, 100);
}

static void a_typical_vault_of_the_go_program_opens(void **state)
{
	struct tree *t = load_go("go-basic");

	(void)state;
	assert_true(report.dropped_passphrase);
	assert_null(child(t, root_of(t), TREE_RESERVED));
	check_listing(t);
	assert_int_equal(at_path(t, "run.sh")->attr.mode, S_IFREG | 0755);
	check_digests(t);
	tree_free(t);
}

static void
a_symlink_that_the_go_program_spoilt_costs_nothing_else(void **state)
{
	struct tree *t = load_go("go-symlink");
	struct node *found = NULL;

	(void)state;
	for (struct entry *e = dir_next(&root_of(t)->dir, 0); e != NULL;
	     e = dir_next(&root_of(t)->dir, e->cookie))
		if (S_ISDIR(e->node->attr.mode))
			found = e->node;
	if (found == NULL)
		found = root_of(t);
	assert_non_null(child(t, found, "a"));
	assert_non_null(child(t, found, "z"));
	tree_free(t);
}

static void a_passphrase_is_bytes(void **state)
{
	struct tree *t = load_go("go-unicode");

	(void)state;
	assert_true(S_ISREG(at_path(t, "only")->attr.mode));
	tree_free(t);
}

static void a_vault_of_nothing_opens(void **state)
{
	struct tree *t = load_go("go-empty");

	(void)state;
	assert_int_equal(root_of(t)->dir.count, 0);
	tree_free(t);
}

/* Seal t and load it into a tree of the same limits. */
static void assert_opens_again(struct tree *t)
{
	struct tree_limits limits = tree_usage(t).limit;
	struct vault *v = new_vault("x");
	struct tree *copy = tree_of(limits.bytes, limits.nodes);
	struct blob b = sealed_tree(v, t, VAULT_SESSION);
	int err = vault_load(v, &b, copy, &report);

	if (err != 0)
		fail_msg("sealed, but does not load: %d %s", err,
			 report.problem);
	assert_same_tree(root_of(t), root_of(copy));
	vault_close(v);
	blob_free(&b);
	tree_free(copy);
	tree_free(t);
}

static void a_deep_tree_of_long_names_opens_again(void **state)
{
	struct tree *t = tree_of(MIB, 500);
	struct node *d = root_of(t);
	char name[DIR_NAME_MAX + 1];

	(void)state;
	memset(name, 'd', DIR_NAME_MAX);
	name[DIR_NAME_MAX] = '\0';
	for (unsigned i = 0; i < 450; i++)
		d = make_dir(t, d, name);
	assert_opens_again(t);
}

static void a_tree_full_of_attributes_opens_again(void **state)
{
	static uint8_t value[60000];
	const struct xattr_value v = {value, sizeof(value)};
	struct tree *t = tree_of(4 * MIB, 100);
	char name[16];

	(void)state;
	fill_random(value, sizeof(value), 1);
	for (unsigned i = 0; i < 69; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(tree_setxattr(t,
					       make_file(t, root_of(t), name),
					       "user.a", &v),
				 0);
	}
	assert_opens_again(t);
}

static void a_tree_without_limits_opens_again(void **state)
{
	struct tree *t = tree_of(UINT64_MAX, UINT64_MAX);

	(void)state;
	(void)make_text(t, root_of(t), "f", "text");
	assert_opens_again(t);
}

static void a_tree_too_small_for_its_vault_says_so(void **state)
{
	static uint8_t noise[200000];
	struct vault *v = new_vault("x");
	struct tree *t = ample_tree(), *small = tree_of(100000, 100);
	struct blob b;
	int err;

	(void)state;
	fill_random(noise, sizeof(noise), 1);
	write_at(t, make_file(t, root_of(t), "f"), 0, noise, sizeof(noise));
	b = sealed_tree(v, t, VAULT_SESSION);
	err = vault_load(v, &b, small, &report);
	assert_true(err == -ENOSPC || err == -E2BIG);
	vault_close(v);
	blob_free(&b);
	tree_free(t);
	tree_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vault_comes_back_from_its_sealed_bytes),
		cmocka_unit_test(
			each_seal_counts_up_and_takes_a_nonce_of_its_own),
		cmocka_unit_test(an_altered_vault_is_refused),
		cmocka_unit_test(a_typical_vault_of_the_go_program_opens),
		cmocka_unit_test(
			a_symlink_that_the_go_program_spoilt_costs_nothing_else),
		cmocka_unit_test(a_passphrase_is_bytes),
		cmocka_unit_test(a_vault_of_nothing_opens),
		cmocka_unit_test(a_deep_tree_of_long_names_opens_again),
		cmocka_unit_test(a_tree_full_of_attributes_opens_again),
		cmocka_unit_test(a_tree_without_limits_opens_again),
		cmocka_unit_test(a_tree_too_small_for_its_vault_says_so),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
