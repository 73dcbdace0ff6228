/* SPDX-License-Identifier: MIT */
#include "msg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>

/* Of memory that may be locked: so that an empty vault can be written. */
enum { LEAST_KIB = 5120 };

static const char *program = "tazpod";

void msg_program(const char *name)
{
	program = name;
}

void msg_clean(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

enum { LINE_MAX_BYTES = 8192 };

/* One line of it, without control characters. */
__attribute__((format(printf, 2, 0))) static void
compose(char line[static LINE_MAX_BYTES], const char *format, va_list args)
{
	(void)vsnprintf(line, LINE_MAX_BYTES, format, args);
	msg_clean(line);
}

__attribute__((format(printf, 1, 0))) static void say(const char *format,
						      va_list args)
{
	char line[LINE_MAX_BYTES];

	compose(line, format, args);
	(void)fprintf(stderr, "%s: %s\n", program, line);
}

void msg_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

enum exit_code msg_fail(enum exit_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	return code;
}

void msg_log(int priority, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;

	va_start(args, format);
	compose(line, format, args);
	va_end(args);
	(void)fprintf(stderr, "%s: %s\n", program, line);
	syslog(priority, "%s", line);
}

enum exit_code msg_fail_memory(const char *what)
{
	char limit[64] = "what there is";
	struct rlimit r;

	if (getrlimit(RLIMIT_MEMLOCK, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
		(void)snprintf(limit, sizeof(limit),
			       "the %llu KiB that are allowed",
			       (unsigned long long)r.rlim_cur >> 10);
	return msg_fail(EXIT_MEMORY,
			"%s: memory cannot be locked beyond %s; an empty vault "
			"takes %d KiB, and each file about 1 KiB more, "
			"whatever is in it: raise 'ulimit -l' (LimitMEMLOCK= "
			"of a service, --ulimit memlock= of a container)",
			what, limit, LEAST_KIB);
}

const char *msg_error(int err)
{
	static const struct {
		int err;
		const char *text;
	} phrases[] = {
		{-EKEYREJECTED, "wrong passphrase"},
		{-EBADMSG, "the vault is damaged or was altered"},
		{-EPROTO, "the vault was made by a newer tazpod"},
		{-EROFS, "it cannot be replaced where it is (read-only)"},
		{-ESTALE, "another file was put in its place since it was "
			  "mounted, and what is mounted goes beside it as "
			  "NAME.conflict-TIME, where its folder can be "
			  "written; to have that in its place "
			  "again, move the other file away and save"},
		{-ENOMEM, "no more memory can be locked"},
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].err == err)
			return phrases[i].text;
	return strerror(-err);
}
