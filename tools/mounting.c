/* SPDX-License-Identifier: MIT */
#include "mounting.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The last line of what libfuse and fusermount3 said, in text. */
static const char *last_line(char *text)
{
	char *end = text + strlen(text), *line;

	while (end > text && end[-1] == '\n')
		*--end = '\0';
	line = strrchr(text, '\n');
	return line != NULL ? line + 1 : text;
}

enum exit_code mounting_start(struct mount **ret, const char *dir,
			      const struct mount_parts *parts,
			      const struct mount_options *options,
			      const struct mount_events *events)
{
	char said[1024] = "";
	int memfd = memfd_create("messages", MFD_CLOEXEC);
	int old = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), err;

	if (memfd >= 0 && old >= 0)
		(void)dup2(memfd, STDERR_FILENO);
	err = mount_start(ret, dir, parts, options, events);
	if (memfd >= 0 && old >= 0) {
		(void)dup2(old, STDERR_FILENO);
		(void)!pread(memfd, said, sizeof(said) - 1, 0);
	}
	if (old >= 0)
		(void)close(old);
	if (memfd >= 0)
		(void)close(memfd);
	if (err == 0)
		return EXIT_DONE;
	if (err == -ENOMEM)
		return msg_fail_memory(dir);
	return msg_fail(EXIT_MOUNT, "%s: cannot mount: %s", dir,
			said[0] != '\0' ? last_line(said) : msg_error(err));
}
