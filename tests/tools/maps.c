/* SPDX-License-Identifier: MIT */
#include "tools/mounts/maps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_file(const char *line, dev_t dev, const char *path)
{
	struct mapping m = {0};

	assert_true(maps_parse(&m, line));
	assert_int_equal(m.dev, dev);
	assert_string_equal(m.path, path);
}

static void files(void **state)
{
	(void)state;
	assert_file("55d0a000-55d0c000 r--p 00000000 fd:01 1234       /bin/a",
		    makedev(0xfd, 1), "/bin/a");
	assert_file("7f00-7f01 rw-s 00001000 00:3f 2 /m/a b  c (deleted)",
		    makedev(0, 0x3f), "/m/a b  c (deleted)");
	/* As the kernel writes a newline. */
	assert_file("0-1 rw-s 0 00:fff 18446744073709551615 /m/a\\012b",
		    makedev(0, 0xfff), "/m/a\\012b");
	assert_file("0-1 rw-s 0 103:0005 7 ", makedev(0x103, 5), "");
}

static void others(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"    ",
		"7ffd-7ffe rw-p 00000000 00:00 0                  [stack]",
		"7ffd-7ffe rw-p 00000000 00:00 0 ",
		"7f00-7f01 rw-p 00000000",
		"7f00-7f01 rw-p 00000000 ",
		"7f00-7f01 rw-p 00000000 00",
		"7f00-7f01 rw-p 00000000 00:",
		"7f00-7f01 rw-p 00000000 00:01",
		"7f00-7f01 rw-p 00000000 00:01 ",
		"7f00-7f01 rw-p 00000000 00:01 x /a",
		"7f00-7f01 rw-p 00000000 00:01 f /a",
		"7f00-7f01 rw-p 00000000 00:01 1x /a",
		"7f00-7f01 rw-p 00000000 00:01 -1 /a",
		"7f00-7f01 rw-p 00000000 -1:01 1 /a",
		"7f00-7f01 rw-p 00000000 00:+1 1 /a",
		"7f00-7f01 rw-p 00000000 00 01 1 /a",
		"7f00-7f01 rw-p 00000000 100000000:01 1 /a",
		"7f00-7f01 rw-p 00000000 00:100000000 1 /a",
		"7f00-7f01 rw-p 00000000 00:01 18446744073709551616 /a",
	};
	struct mapping m;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (maps_parse(&m, lines[i]))
			fail_msg("taken: '%s'", lines[i]);
}

struct seen {
	size_t count, len; /* of the last path */
	char last[64];	   /* its beginning */
};

static void on_mapping(void *ctx, const struct mapping *m)
{
	struct seen *s = ctx;

	assert_int_equal(m->dev, makedev(0, 0x2a));
	s->count++;
	s->len = strlen(m->path);
	(void)snprintf(s->last, sizeof(s->last), "%.60s", m->path);
}

static struct seen see(FILE *f)
{
	struct seen s = {0};

	assert_int_equal(fflush(f), 0);
	assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
	assert_int_equal(maps_each(fileno(f), on_mapping, &s), 0);
	(void)fclose(f);
	return s;
}

static void tables(void **state)
{
	FILE *f = tmpfile();
	struct seen s;

	(void)state;
	assert_non_null(f);
	assert_int_equal(see(f).count, 0);
	/* Lines at all places within a read. */
	f = tmpfile();
	for (int i = 0; i < 5000; i++)
		(void)fprintf(f, "0-1 r--p 0 00:%s 7 /m/%d%*s\n", "2a", i,
			      i % 97, "");
	s = see(f);
	assert_int_equal(s.count, 5000);
	assert_memory_equal(s.last, "/m/4999", 7);
	/* The last one without an end. */
	f = tmpfile();
	(void)fprintf(f, "\n\n0-1 r--p 0 00:2a 7 /a\n0-1 r--p 0 00:2a 7 /b");
	s = see(f);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.last, "/b");
}

static void long_lines(void **state)
{
	FILE *f = tmpfile();
	struct seen s;

	(void)state;
	assert_non_null(f);
	/* As long as a path of nothing but newlines gets. */
	(void)fprintf(f, "0-1 r--p 0 00:2a 7 /%0*d\n", 4 * 4096, 0);
	s = see(f);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.len, 4 * 4096 + 1);
	/* Longer than any: nothing of the rest is a line. */
	f = tmpfile();
	(void)fprintf(f, "0-1 r--p 0 00:2a 7 /long");
	for (int i = 0; i < 5000; i++)
		(void)fprintf(f, " 0-1 r--p 0 00:99 7 /no");
	(void)fprintf(f, "\n0-1 r--p 0 00:2a 7 /next\n");
	s = see(f);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.last, "/next");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(others),
		cmocka_unit_test(tables),
		cmocka_unit_test(long_lines),
	};

	return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
