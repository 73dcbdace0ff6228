/* SPDX-License-Identifier: MIT */
#include "tools/project/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void parse_good(struct config *c, const char *text)
{
	struct yaml_error e = {0};

	if (config_parse(c, text, strlen(text), &e) != 0)
		fail_msg("of %s: %u: %s", text, e.line, e.what);
}

static void assert_list(char *const *list, const char *wanted)
{
	char all[512] = "";

	for (; *list != NULL; list++) {
		assert_true(strlen(all) + strlen(*list) + 2 < sizeof(all));
		(void)strcat(strcat(all, *list), ",");
	}
	assert_string_equal(all, wanted);
}

static void assert_defaults(const struct config *c)
{
	assert_string_equal(c->image, "localhost/tazpod");
	assert_string_equal(c->user, "tazpod");
	assert_null(c->container_name);
	assert_null(c->engine);
	assert_null(c->mount);
	assert_false(c->is_private);
	assert_int_equal(c->grant, CONFIG_GRANT_FUSE);
	assert_list(c->bridges, "");
	assert_list(c->memory, "");
	assert_list(c->run_options, "");
	assert_list(c->unused, "");
}

static void has_defaults_for_what_is_not_said(void **state)
{
	static const char *const texts[] = {
		"", "# image: x\n",
		"image:\nuser: ~\ngrant:\nbridges: null\nmemory:\n"
		"run_options:\nfeatures:\nghost_mode:\nengine:\nmount:\n"};
	struct config c;

	(void)state;
	config_init(&c);
	assert_defaults(&c);
	config_free(&c);
	config_free(&c);
	assert_defaults(&c);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse_good(&c, texts[i]);
		assert_defaults(&c);
		config_free(&c);
	}
}

static void takes_every_key(void **state)
{
	struct config c;

	(void)state;
	parse_good(&c, "image: registry.example:5000/me/pod:1.2@sha256:0a\n"
		       "container_name: tazpod-shop-0042\n"
		       "user: _dev-1\n"
		       "engine: docker\n"
		       "mount: ~/secrets\n"
		       "grant: [sys_admin, ipc_lock]\n"
		       "run_options: ['--network=none', '-e', 'A=b c']\n"
		       "bridges: [.aws, ~/.infisical/, '~/a/b//']\n"
		       "memory:\n"
		       "  - .gemini\n"
		       "  - vaults\n"
		       "features:\n"
		       "  ghost_mode: true\n"
		       "  debug: false\n");
	assert_string_equal(c.image,
			    "registry.example:5000/me/pod:1.2@sha256:0a");
	assert_string_equal(c.container_name, "tazpod-shop-0042");
	assert_string_equal(c.user, "_dev-1");
	assert_string_equal(c.engine, "docker");
	assert_string_equal(c.mount, "~/secrets");
	assert_int_equal(c.grant,
			 CONFIG_GRANT_SYS_ADMIN | CONFIG_GRANT_IPC_LOCK);
	assert_list(c.run_options, "--network=none,-e,A=b c,");
	assert_list(c.bridges, ".aws,.infisical,a/b,");
	assert_list(c.memory, ".gemini,vaults,");
	assert_true(c.is_private);
	assert_list(c.unused, "");
	config_free(&c);
}

static void grants_what_is_listed_alone(void **state)
{
	static const struct {
		const char *text;
		unsigned grant;
	} cases[] = {
		{"grant: []", 0},
		{"grant: [fuse]", CONFIG_GRANT_FUSE},
		{"grant: [sys_admin]", CONFIG_GRANT_SYS_ADMIN},
		{"grant: [ipc_lock]", CONFIG_GRANT_IPC_LOCK},
		{"grant: [userns]", CONFIG_GRANT_USERNS},
		{"grant: [userns, fuse, fuse]",
		 CONFIG_GRANT_USERNS | CONFIG_GRANT_FUSE},
	};
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse_good(&c, cases[i].text);
		assert_int_equal(c.grant, cases[i].grant);
		config_free(&c);
	}
}

static void ghost_mode_is_on_if_either_place_has_it(void **state)
{
	static const struct {
		const char *text;
		bool is_private;
	} cases[] = {
		{"ghost_mode: true", true},
		{"ghost_mode: false", false},
		{"features: {ghost_mode: true}", true},
		{"features: {ghost_mode: false}", false},
		{"ghost_mode: true\nfeatures: {ghost_mode: false}", true},
		{"ghost_mode: false\nfeatures: {ghost_mode: true}", true},
		{"features: {ghost_mode: true}\nghost_mode: false", true},
	};
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse_good(&c, cases[i].text);
		assert_int_equal(c.is_private, cases[i].is_private);
		config_free(&c);
	}
}

static void remembers_the_forerunners_keys_with_their_lines(void **state)
{
	struct config c;

	(void)state;
	parse_good(&c, "version: '1'\n"
		       "build: {dockerfile: D, context: .}\n"
		       "active_provider: x\n"
		       "providers: {x: {db_host: h}}\n"
		       "aws_sso: {profile: p}\n"
		       "vault: {retention: 50}\n"
		       "mode:\n"
		       "gopass: {store: s}\n"
		       "features: {debug: true}\n");
	assert_list(c.unused, "version,build,active_provider,providers,aws_sso,"
			      "vault,mode,gopass,features.debug,");
	for (unsigned i = 0; i < CONFIG_FORERUNNER; i++)
		assert_int_equal(c.unused_lines[i], i + 1);
	config_free(&c);
}

static void assert_refused(const char *text, unsigned line, const char *what)
{
	struct yaml_error e = {0};
	struct config c;

	if (config_parse(&c, text, strlen(text), &e) != -EINVAL)
		fail_msg("taken: %s", text);
	if (e.line != line || strstr(e.what, what) == NULL)
		fail_msg("of %s: %u: %s", text, e.line, e.what);
}

static void refuses_unknown_keys_and_guesses(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *what;
	} cases[] = {
		{"brigdes: []", 1,
		 "unknown key 'brigdes'; did you mean 'bridges'?"},
		{"image: x\ncontainer-name: y", 2, "mean 'container_name'?"},
		{"Image: x", 1, "mean 'image'?"},
		{"imag: x", 1, "mean 'image'?"},
		{"run_option: []", 1, "mean 'run_options'?"},
		{"ports: []", 1,
		 "unknown key 'ports'; the keys are image, container_name, "
		 "user, engine, mount, grant, run_options, bridges, memory, "
		 "features, ghost_mode"},
		{"\nnetwork:", 2, "unknown key 'network'; the keys are"},
		/* The forerunner's are no use to anybody. */
		{"modes: x", 1, "the keys are"},
		{"features: {ghostmode: true}", 1, "mean 'ghost_mode'?"},
		{"features:\n  image: x", 2, "the keys are ghost_mode, debug"},
		{"'': x", 1, "unknown key ''; the keys are"},
		{"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz: x", 1,
		 "unknown key 'abc"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i].text, cases[i].line, cases[i].what);
}

static void refuses_bad_values(void **state)
{
	static const struct {
		const char *text, *what;
	} cases[] = {
		{"[a]", "here must be keys"},
		{"text", "here must be keys"},
		{"features: [a]", "here must be keys"},
		{"image: ''", "image must be"},
		{"image: -x", "image must be"},
		{"image: a b", "image must be"},
		{"image: \"a\\n\"", "image must be"},
		{"image: caf\u00e9", "image must be"},
		{"image: [a]", "image must be a single value, not a list"},
		{"user: {a: b}", "user must be a single value, not a mapping"},
		{"container_name: ''", "container_name must be"},
		{"container_name: -a", "container_name must be"},
		{"container_name: .a", "container_name must be"},
		{"container_name: _a", "container_name must be"},
		{"container_name: a/b", "container_name must be"},
		{"container_name: a b", "container_name must be"},
		{"container_name: \u00e9", "container_name must be"},
		{"user: ''", "user must be"},
		{"user: Root", "user must be"},
		{"user: -a", "user must be"},
		{"user: 1a", "user must be"},
		{"user: a:b", "user must be"},
		{"user: 4294967295", "user must be"},
		{"user: 99999999999", "user must be"},
		{"user: abcdefghijklmnopqrstuvwxyzabcdefg", "user must be"},
		{"engine: lxc", "engine must be podman or docker"},
		{"engine: Podman", "engine must be podman or docker"},
		{"mount: secrets", "mount must be"},
		{"mount: ''", "mount must be"},
		{"mount: /", "mount must be"},
		{"mount: ~/", "mount must be"},
		{"mount: ~x/y", "mount must be"},
		{"mount: \"/a\\n\"", "mount must be"},
		{"ghost_mode: yes", "ghost_mode must be true or false"},
		{"ghost_mode: 'true'", "ghost_mode must be true or false"},
		{"features: {debug: 1}", "debug must be true or false"},
		{"grant: fuse", "grant must be a list"},
		{"grant: [fuse, all]", "what can be granted is"},
		{"grant: [[fuse]]", "what can be granted is"},
		{"grant: ['']", "what can be granted is"},
		{"run_options: --rm", "run_options must be a list"},
		{"run_options: ['']", "an element must be an option"},
		{"run_options: [[a]]", "an element must be a single value"},
		{"bridges: .aws", "bridges must be a list"},
		{"memory: {a: b}", "memory must be a list"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];

		/* Not in the first line: 1 is what is said without one. */
		(void)snprintf(text, sizeof(text), "\n\n%s", cases[i].text);
		assert_refused(text, 3, cases[i].what);
	}
}

static void takes_values_up_to_their_borders(void **state)
{
	static const char *const good[] = {
		"container_name: A9_.-",
		"container_name: 9",
		"user: 0",
		"user: 4294967294",
		"user: abcdefghijklmnopqrstuvwxyzabcdef",
		"user: _",
		"engine: podman",
		"mount: /a",
		"mount: ~/a b",
		"image: a",
		"image: '~'",
		"bridges: ['a b', \u00e9, ..., .a, a., 'b~']",
		"bridges: [a, ab, b/a, b/ab, b/a.b]",
		"bridges: [vault, config.yaml]",
		"memory: [vault2, a/vault, .vault, secrets.yml2]",
		"run_options: ['-', ' ', \"\\n\"]",
	};
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		parse_good(&c, good[i]);
		config_free(&c);
	}
}

/* before, len times "a", and after. */
static int parse_long(const char *before, int len, const char *after)
{
	char text[8192], a[4200];
	struct yaml_error e;
	struct config c;
	int err;

	assert_true(len < (int)sizeof(a));
	memset(a, 'a', (size_t)len);
	a[len] = '\0';
	(void)snprintf(text, sizeof(text), "%s%s%s", before, a, after);
	err = config_parse(&c, text, strlen(text), &e);
	if (err == 0)
		config_free(&c);
	return err;
}

static void bounds_the_length_of_names(void **state)
{
	static const struct {
		const char *before, *after;
		int most;
	} cases[] = {
		{"container_name: ", "", 128}, {"bridges: [", "]", 255},
		{"bridges: [~/", "/]", 255},   {"memory: [", "]", 255},
		{"mount: /", "", 4094},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse_long(cases[i].before, cases[i].most,
					    cases[i].after),
				 0);
		assert_int_equal(parse_long(cases[i].before, cases[i].most + 1,
					    cases[i].after),
				 -EINVAL);
	}
}

static void refuses_bad_folders_in_both_lists(void **state)
{
	static const char *const bad[] = {
		"/a",	    "/",	 "''",	   "~/",     "~/.",  "'~/..'",
		".",	    "..",	 "a/../b", "a/.",    "./a",  "a//b",
		"../a",	    "a/..",	 "~//a",   "~root",  "~a/b", "'~/~/a'",
		"\"a\\n\"", "\"\\x7f\"", "[a]",	   "{a: b}", "///",
	};
	static const char *const clashes[] = {
		"[a, a]",   "[a, ~/a]", "[a, a/]",
		"[a, a/b]", "[a/b, a]", "[a/b/c, b, a]",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "bridges:\n- ok\n- %s\n",
			       bad[i]);
		assert_refused(text, 3, "must be");
		(void)snprintf(text, sizeof(text), "memory:\n- ok\n- %s\n",
			       bad[i]);
		assert_refused(text, 3, "must be");
	}
	for (size_t i = 0; i < sizeof(clashes) / sizeof(clashes[0]); i++) {
		(void)snprintf(text, sizeof(text), "bridges: %s", clashes[i]);
		assert_refused(text, 1, "clashes");
		(void)snprintf(text, sizeof(text), "memory: %s", clashes[i]);
		assert_refused(text, 1, "clashes");
	}
	assert_refused("bridges: [a]\nmemory: [a]", 2, "clashes");
	assert_refused("memory: [a]\nbridges: [a/b]", 2, "clashes");
	assert_refused("memory: [a/b]\nbridges: [a]", 2,
		       "'a' clashes with 'a/b'");
}

static void memory_leaves_the_projects_own_files_alone(void **state)
{
	static const char *const bad[] = {
		"vault",       "vault/x",    "~/vault/",      "config.yaml",
		"secrets.yml", ".gitignore", "config.yaml/x",
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "memory: [%s]", bad[i]);
		assert_refused(text, 1, "that name is .tazpod's own");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_defaults_for_what_is_not_said),
		cmocka_unit_test(takes_every_key),
		cmocka_unit_test(grants_what_is_listed_alone),
		cmocka_unit_test(ghost_mode_is_on_if_either_place_has_it),
		cmocka_unit_test(
			remembers_the_forerunners_keys_with_their_lines),
		cmocka_unit_test(refuses_unknown_keys_and_guesses),
		cmocka_unit_test(refuses_bad_values),
		cmocka_unit_test(takes_values_up_to_their_borders),
		cmocka_unit_test(bounds_the_length_of_names),
		cmocka_unit_test(refuses_bad_folders_in_both_lists),
		cmocka_unit_test(memory_leaves_the_projects_own_files_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
