/* SPDX-License-Identifier: MIT */
#include "tools/options.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What is wrong is said on standard error, which is not TAP's. */
static enum exit_code parse(struct options *o, const char *list)
{
	int null = open("/dev/null", O_WRONLY), old = dup(STDERR_FILENO);
	enum exit_code code;

	assert_true(null >= 0 && old >= 0);
	assert_true(dup2(null, STDERR_FILENO) >= 0);
	code = options_parse(o, list);
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	(void)close(null);
	(void)close(old);
	return code;
}

static void has_documented_defaults(void **state)
{
	struct options o;

	(void)state;
	options_init(&o);
	assert_int_equal(parse(&o, ""), EXIT_DONE);
	assert_int_equal(o.size, 64 << 20);
	assert_false(o.read_only);
	assert_false(o.create);
	assert_false(o.nonempty);
	assert_false(o.rollback);
	assert_int_equal(o.pass.fd, -1);
	assert_null(o.fuse);
	options_free(&o);
}

static void takes_each_option(void **state)
{
	struct options o;

	(void)state;
	options_init(&o);
	assert_int_equal(parse(&o, "create,nonempty,nr_inodes=2k,size=8M,uid=7,"
				   "gid=8,umask=077,"
				   "passfd=3,passfile=/a/b,passcmd=pass show x,"
				   "allow_other,noexec,rollback"),
			 EXIT_DONE);
	assert_true(o.create && o.nonempty && o.rollback);
	assert_int_equal(o.nr_inodes, 2048);
	assert_int_equal(o.size, 8 << 20);
	assert_true(o.view.set_uid && o.view.set_gid && o.view.set_umask);
	assert_int_equal(o.view.uid, 7);
	assert_int_equal(o.view.gid, 8);
	assert_int_equal(o.view.umask, 077);
	assert_int_equal(o.pass.fd, 3);
	assert_string_equal(o.pass.file, "/a/b");
	assert_string_equal(o.pass.command, "pass show x");
	assert_string_equal(o.fuse, "allow_other,noexec");
	options_free(&o);
}

static void an_escaped_comma_is_part_of_the_value(void **state)
{
	struct options o;

	(void)state;
	options_init(&o);
	assert_int_equal(parse(&o, "passfile=/a\\,b\\\\c,ro"), EXIT_DONE);
	assert_string_equal(o.pass.file, "/a,b\\c");
	assert_true(o.read_only);
	options_free(&o);
}

static void drops_what_mount_adds_and_never_passes_dev_or_suid(void **state)
{
	struct options o;

	(void)state;
	options_init(&o);
	assert_int_equal(parse(&o, "rw,dev,suid,nofail,_netdev,user=me,"
				   "x-systemd.automount,defaults,noauto"),
			 EXIT_DONE);
	assert_null(o.fuse);
	options_free(&o);
}

static void the_last_of_ro_and_rw_counts(void **state)
{
	struct options o;

	(void)state;
	options_init(&o);
	assert_int_equal(parse(&o, "ro,rw"), EXIT_DONE);
	assert_false(o.read_only);
	assert_int_equal(parse(&o, "rw,ro"), EXIT_DONE);
	assert_true(o.read_only);
	options_free(&o);
}

static void refuses_unknown_options_and_bad_values(void **state)
{
	static const char *const bad[] = {
		"frobnicate",	  "RO",	      "size=",	  "size=0",
		"size=-1",	  "size=1x",  "size=1MM", "size=99999999999T",
		"size=2T",	  "uid=",     "uid=root", "uid=-1",
		"uid=4294967295", "gid=1 ",   "umask=8",  "umask=1000",
		"umask=-1",	  "passfd=",  "passfd=x", "passfd=-1",
		"passfile=",	  "passcmd=", "sizes=1",  "passphrase=x",
		"seal=25h",	  "idle=",    "idle=0",	  "idle=31d",
		"ttl=0",	  "notify=",  "suspend=", "session=never",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct options o;

		options_init(&o);
		if (parse(&o, bad[i]) != EXIT_USAGE)
			fail_msg("'%s' was taken", bad[i]);
		options_free(&o);
	}
}

static void sizes_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"8192", 8192},
		{"512k", 512 << 10},
		{"3M", 3 << 20},
		{"1g", 1 << 30},
		{"18446744073709551615", UINT64_MAX},
		{"16777215T", UINT64_C(16777215) << 40},
	};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(options_size(&n, good[i].text), 0);
		assert_true(n == good[i].bytes);
	}
	assert_int_equal(options_size(&n, "18446744073709551616"), -EINVAL);
	assert_int_equal(options_size(&n, "16777216T"), -EINVAL);
	assert_int_equal(options_size(&n, " 1"), -EINVAL);
	assert_int_equal(options_size(&n, "+1"), -EINVAL);
	assert_int_equal(options_size(&n, "k"), -EINVAL);
}

static void times_have_units(void **state)
{
	static const struct {
		const char *text;
		uint32_t ms;
	} good[] = {
		{"0", 0},
		{"0ms", 0},
		{"200ms", 200},
		{"1", 1000},
		{"1s", 1000},
		{"5m", 300000},
		{"2h", 7200000},
		{"24h", 86400000},
		{"86400000ms", 86400000},
		{"25h", 90000000},
		{"30d", 2592000000},
	};
	static const char *const bad[] = {
		"",
		"s",
		"ms",
		"-1s",
		"+1s",
		" 1s",
		"1 s",
		"1S",
		"1w",
		"1ms ",
		"31d",
		"721h",
		"2592000001ms",
		"1.5s",
		"99999999999999999999s",
		/* Would be small in 32 bits. */
		"4294967297ms",
		"1193047h",
	};
	uint32_t ms = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(options_duration(&ms, good[i].text), 0);
		assert_int_equal(ms, good[i].ms);
	}
	ms = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(options_duration(&ms, bad[i]), -EINVAL);
		assert_int_equal(ms, 77);
	}
}

static void seal_is_a_time_or_a_word(void **state)
{
	struct options o;

	(void)state;
	options_init(&o);
	assert_int_equal(o.seal.quiet_ms, 200);
	assert_int_equal(o.seal.most_ms, 1000);
	assert_false(o.seal.off || o.seal.close);
	assert_int_equal(parse(&o, "seal=off"), EXIT_DONE);
	assert_true(o.seal.off);
	assert_int_equal(parse(&o, "seal=close,seal_max=3s"), EXIT_DONE);
	assert_true(o.seal.close && !o.seal.off);
	assert_int_equal(o.seal.quiet_ms, 200);
	assert_int_equal(o.seal.most_ms, 3000);
	/* The last one counts. */
	assert_int_equal(parse(&o, "seal=50ms"), EXIT_DONE);
	assert_false(o.seal.off || o.seal.close);
	assert_int_equal(o.seal.quiet_ms, 50);
	options_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_documented_defaults),
		cmocka_unit_test(takes_each_option),
		cmocka_unit_test(an_escaped_comma_is_part_of_the_value),
		cmocka_unit_test(
			drops_what_mount_adds_and_never_passes_dev_or_suid),
		cmocka_unit_test(the_last_of_ro_and_rw_counts),
		cmocka_unit_test(refuses_unknown_options_and_bad_values),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(times_have_units),
		cmocka_unit_test(seal_is_a_time_or_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
