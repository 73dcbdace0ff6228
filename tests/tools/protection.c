/* SPDX-License-Identifier: MIT */
/* What `tazpod status` says of how a vault is shown. */
#include "tools/machine/protection.h"

#include "tools/cli/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char vault[] = "/vault", dir[] = "/secrets";
static const struct mounted m = {.vault = vault, .dir = dir};

/* What status prints for that answer.  The caller frees it. */
static char *text_of(const char *body)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	status_text(out, &m, body, false);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void says_nothing_if_the_daemon_does_not(void **state)
{
	char *text = text_of("pid=1\nswap=on\n");
	json_t *o = status_json(&m, "pid=1\nswap=on\n", false);

	(void)state;
	assert_null(strstr(text, "protection"));
	assert_null(strstr(text, "nothing in swap"));
	assert_null(json_object_get(o, "rung"));
	assert_null(json_object_get(o, "promises"));
	json_decref(o);
	free(text);
}

static void has_the_rung_and_each_promise(void **state)
{
	(void)state;
	for (enum rung r = RUNG_FUSE; r < RUNG_COUNT; r++) {
		struct promise all[PROMISES_COUNT];
		struct circumstances c;
		char body[64], line[512], *text;

		(void)snprintf(body, sizeof(body), "rung=%s\nswap=off\n",
			       rung_name(r));
		assert_int_equal(protection_of(&c, body), r);
		promises_of(all, r, &c);
		text = text_of(body);
		(void)snprintf(line, sizeof(line), "\nprotection  %s\n",
			       rung_title(r));
		assert_non_null(strstr(text, line));
		for (size_t i = 0; i < PROMISES_COUNT; i++) {
			(void)snprintf(line, sizeof(line), "\n  %-6s  %s: %s\n",
				       promises_word(all[i].state),
				       all[i].title, all[i].why);
			assert_non_null(strstr(text, line));
		}
		free(text);
	}
}

/* The word for one promise in what status --json prints for that answer. */
static void is_word(const char *body, const char *name, const char *wanted)
{
	json_t *o = status_json(&m, body, false);
	const json_t *word =
		json_object_get(json_object_get(o, "promises"), name);

	assert_non_null(word);
	assert_string_equal(json_string_value(word), wanted);
	json_decref(o);
}

static void heeds_what_makes_a_difference(void **state)
{
	json_t *o = status_json(&m, "rung=tmpfs\nswap=on\n", false);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(o, "rung")),
			    "tmpfs");
	assert_int_equal(json_object_size(json_object_get(o, "promises")),
			 PROMISES_COUNT);
	json_decref(o);
	is_word("rung=tmpfs\nswap=on\n", "swap", "yes");
	is_word("rung=tmpfs-swap\nswap=on\n", "swap", "no");
	is_word("rung=tmpfs-swap\nswap=off\n", "swap", "partly");
	/* What is not known is taken for the worst. */
	is_word("rung=tmpfs-swap\n", "swap", "no");
	is_word("rung=fuse\n", "users", "yes");
	is_word("rung=fuse\nallow_other=1\n", "users", "partly");
	is_word("rung=ramfs\n", "invisible", "no");
	is_word("rung=ramfs\nown_namespace=1\n", "invisible", "yes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_nothing_if_the_daemon_does_not),
		cmocka_unit_test(has_the_rung_and_each_promise),
		cmocka_unit_test(heeds_what_makes_a_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
