/* SPDX-License-Identifier: MIT */
#include "msg.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

static const char *program = "tazpod";

void msg_program(const char *name)
{
	program = name;
}

__attribute__((format(printf, 1, 0))) static void say(const char *format,
						      va_list args)
{
	char line[8192];
	size_t n;

	(void)snprintf(line, sizeof(line), "%s: ", program);
	n = strlen(line);
	(void)vsnprintf(line + n, sizeof(line) - n, format, args);
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	(void)fprintf(stderr, "%s\n", line);
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
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	va_start(args, format);
	vsyslog(priority, format, args);
	va_end(args);
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
