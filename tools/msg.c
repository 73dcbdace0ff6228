/* SPDX-License-Identifier: MIT */
#include "msg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

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

static int log_fd = -1;

/*
 * Not by openlog(3): syslog(3) waits for as long as the log's reader does not
 * read, and who logs here keeps others waiting.
 */
void msg_log_open(void)
{
	const struct sockaddr_un to = {.sun_family = AF_UNIX,
				       .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0) {
		log_fd = fd;
		return;
	}
	if (fd >= 0)
		(void)close(fd);
}

/* As syslog(3) does to a socket, but that a full one loses the line. */
static void send_log(int priority, const char *line)
{
	char text[LINE_MAX_BYTES + 128], when[32] = "";
	const time_t now = time(NULL);
	struct tm tm;
	int len;

	if (log_fd < 0)
		return;
	if (localtime_r(&now, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%b %e %T", &tm);
	len = snprintf(text, sizeof(text), "<%d>%s %s[%d]: %s",
		       LOG_DAEMON | priority, when, program, getpid(), line);
	(void)send(log_fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void msg_log(int priority, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;

	va_start(args, format);
	compose(line, format, args);
	va_end(args);
	(void)fprintf(stderr, "%s: %s\n", program, line);
	send_log(priority, line);
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
			what, limit, MSG_LEAST_KIB);
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
