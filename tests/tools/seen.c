/* SPDX-License-Identifier: MIT */
#include "tools/vault/seen.h"

#include "tools/vault/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/tazpod-seen-XXXXXX";
static char folder[PATH_MAX];

static int make_top(void **state)
{
	(void)state;
	if (mkdtemp(top) == NULL || setenv("XDG_STATE_HOME", top, 1) != 0)
		return -1;
	return statedir_get(folder, NULL, true);
}

static int remove_top(void **state)
{
	char command[PATH_MAX];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* An envelope of the vault with that id. */
static struct seal_params envelope(uint8_t id, uint64_t generation)
{
	struct seal_params p = {
		.format = 2,
		.generation = generation,
		.time_ns = generation * 1000000000,
	};

	p.id[0] = id;
	p.id[SEAL_ID_LEN - 1] = 0xab;
	return p;
}

static void assert_seen(const struct seal_params *p, uint64_t generation)
{
	struct seen s;

	assert_int_equal(seen_get(&s, p), 0);
	assert_int_equal(s.generation, generation);
	assert_int_equal(s.time_ns, generation * 1000000000);
}

/* seen_check(); what it says ends up in text. */
static enum exit_code check(const struct seal_params *p, char *text, size_t len)
{
	char path[PATH_MAX];
	int old = dup(STDERR_FILENO), file;
	enum exit_code code;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/said", top);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(file >= 0 && old >= 0);
	assert_true(dup2(file, STDERR_FILENO) >= 0);
	code = seen_check(p, "VAULT");
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	n = pread(file, text, len - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	(void)close(file);
	(void)close(old);
	return code;
}

static void keeps_the_highest_generation(void **state)
{
	const struct seal_params first = envelope(1, 5);
	const struct seal_params older = envelope(1, 4);
	const struct seal_params newer = envelope(1, 900);
	struct seen s;

	(void)state;
	assert_int_equal(seen_get(&s, &first), -ENOENT);
	assert_int_equal(seen_note(&first), 0);
	assert_seen(&first, 5);
	assert_int_equal(seen_note(&older), 0);
	assert_seen(&first, 5);
	assert_int_equal(seen_note(&newer), 0);
	assert_seen(&first, 900);
}

static void takes_a_lower_one_only_when_told(void **state)
{
	const struct seal_params first = envelope(2, 5);
	const struct seal_params older = envelope(2, 4);

	(void)state;
	assert_int_equal(seen_note(&first), 0);
	assert_int_equal(seen_accept(&older), 0);
	assert_seen(&first, 4);
	assert_int_equal(seen_accept(&first), 0);
	assert_seen(&first, 5);
}

static void refuses_what_is_older(void **state)
{
	const struct seal_params seen = envelope(3, 7);
	const struct seal_params older = envelope(3, 6);
	const struct seal_params newer = envelope(3, 8);
	char text[1024];

	(void)state;
	assert_int_equal(check(&older, text, sizeof(text)), EXIT_DONE);
	assert_int_equal(seen_note(&seen), 0);
	assert_int_equal(check(&seen, text, sizeof(text)), EXIT_DONE);
	assert_int_equal(check(&newer, text, sizeof(text)), EXIT_DONE);
	assert_string_equal(text, "");
	assert_int_equal(check(&older, text, sizeof(text)), EXIT_CONFLICT);
	assert_non_null(strstr(text, "VAULT: is generation 6, sealed 1970-"));
	assert_non_null(strstr(text, "generation 7, sealed 1970-"));
	assert_non_null(strstr(text, "-o rollback"));
	/* In one line. */
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void tells_vaults_apart(void **state)
{
	const struct seal_params one = envelope(4, 7);
	const struct seal_params other = envelope(5, 6);
	char text[1024];

	(void)state;
	assert_int_equal(seen_note(&one), 0);
	assert_int_equal(check(&other, text, sizeof(text)), EXIT_DONE);
	assert_int_equal(seen_note(&other), 0);
	assert_seen(&one, 7);
	assert_seen(&other, 6);
}

static void takes_the_largest_numbers(void **state)
{
	struct seal_params p = envelope(6, UINT64_MAX);
	struct seen s;

	(void)state;
	p.time_ns = UINT64_MAX;
	assert_int_equal(seen_note(&p), 0);
	assert_int_equal(seen_get(&s, &p), 0);
	assert_true(s.generation == UINT64_MAX && s.time_ns == UINT64_MAX);
}

static void has_nothing_of_format_1(void **state)
{
	const struct seal_params p = {.format = 1};
	struct seen s;
	char text[1024];

	(void)state;
	assert_int_equal(seen_note(&p), 0);
	assert_int_equal(seen_accept(&p), 0);
	assert_int_equal(seen_get(&s, &p), -ENOENT);
	assert_int_equal(check(&p, text, sizeof(text)), EXIT_DONE);
}

/* Write text as what is noted of the vault that p is of. */
static void forge(const struct seal_params *p, const char *text)
{
	char path[PATH_MAX + 64];
	size_t n = (size_t)snprintf(path, sizeof(path), "%s/", folder);
	int fd;

	for (size_t i = 0; i < SEAL_ID_LEN; i++)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "%02x",
				      p->id[i]);
	(void)snprintf(path + n, sizeof(path) - n, ".seen");
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void passes_over_what_it_cannot_read(void **state)
{
	static const char *const bad[] = {
		"",
		"generation=9",
		"generation=9\n",
		"generation=9\nsealed_ns=",
		"generation=9\nsealed_ns=1",
		"generation=-9\nsealed_ns=1\n",
		"generation= 9\nsealed_ns=1\n",
		"generation=9x\nsealed_ns=1\n",
		"generation=99999999999999999999\nsealed_ns=1\n",
		"sealed_ns=1\ngeneration=9\n",
	};
	const struct seal_params p = envelope(7, 3);
	struct seen s;

	(void)state;
	forge(&p, "generation=9\nsealed_ns=1\n");
	assert_int_equal(seen_get(&s, &p), 0);
	assert_int_equal(s.generation, 9);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		forge(&p, bad[i]);
		assert_int_equal(seen_get(&s, &p), -ENOENT);
	}
	assert_int_equal(seen_note(&p), 0);
	assert_seen(&p, 3);
}

static void tells_what_it_cannot_write(void **state)
{
	const struct seal_params p = envelope(8, 3);
	char text[1024];

	(void)state;
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(seen_note(&p), -EPERM);
	assert_int_equal(check(&p, text, sizeof(text)), EXIT_DONE);
	assert_int_equal(chmod(folder, 0700), 0);
	assert_int_equal(seen_note(&p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_highest_generation),
		cmocka_unit_test(takes_a_lower_one_only_when_told),
		cmocka_unit_test(refuses_what_is_older),
		cmocka_unit_test(tells_vaults_apart),
		cmocka_unit_test(takes_the_largest_numbers),
		cmocka_unit_test(has_nothing_of_format_1),
		cmocka_unit_test(passes_over_what_it_cannot_read),
		cmocka_unit_test(tells_what_it_cannot_write),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
