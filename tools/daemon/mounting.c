/* SPDX-License-Identifier: MIT */
#include "mounting.h"

#include "usermount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

/* mount_new(), by fusermount3 where this process may not mount. */
static int make(struct mount **ret, const char *dir,
		const struct mount_parts *parts,
		const struct mount_options *options,
		const struct backend_events *events)
{
	char device[32], *list;
	int fd;

	if (!usermount_is_needed())
		return mount_new(ret, dir, parts, options, events);
	list = mount_option_list(options);
	fd = list != NULL ? usermount(dir, list) : -ENOMEM;
	free(list);
	if (fd < 0)
		return fd;
	(void)snprintf(device, sizeof(device), "/dev/fd/%d", fd);
	return mount_new(ret, device, parts, options, events);
}

enum exit_code mounting_new(struct backend **ret, const char *dir,
			    const struct mount_parts *parts,
			    const struct mount_options *options,
			    const struct backend_events *events)
{
	char said[1024] = "";
	struct mount *m = NULL;
	int memfd = memfd_create("messages", MFD_CLOEXEC);
	int old = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), err;

	if (memfd >= 0 && old >= 0)
		(void)dup2(memfd, STDERR_FILENO);
	err = make(&m, dir, parts, options, events);
	if (memfd >= 0 && old >= 0) {
		(void)dup2(old, STDERR_FILENO);
		(void)!pread(memfd, said, sizeof(said) - 1, 0);
	}
	if (old >= 0)
		(void)close(old);
	if (memfd >= 0)
		(void)close(memfd);
	if (err == 0) {
		*ret = mount_backend(m);
		return EXIT_DONE;
	}
	if (err == -ENOMEM)
		return msg_fail_memory(dir);
	return msg_fail(EXIT_MOUNT, "%s: cannot mount: %s", dir,
			said[0] != '\0' ? last_line(said) : msg_error(err));
}
