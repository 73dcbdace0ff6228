/* SPDX-License-Identifier: MIT */
/* The arguments of mount(8)'s and umount(8)'s helpers, one a line. */
#include "tools/helper_args.h"

#include "text.h"

enum { ARGS_MAX = 20 };

static int split(char *argv[static ARGS_MAX + 1], char *text)
{
	int n = 0;
	char *arg;

	while (n < ARGS_MAX && (arg = strsep(&text, "\n")) != NULL)
		argv[n++] = arg;
	argv[n] = NULL;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *argv[ARGS_MAX + 1], *text = text_of(data, len);
	struct umount_args u;
	struct mount_args m;
	int argc = split(argv, text);

	/* A name is never an option, or it would be one of the next program. */
	if (mount_args_parse(&m, argc, argv) &&
	    (m.vault != argv[1] || m.dir != argv[2] || m.vault[0] == '-' ||
	     m.dir[0] == '-'))
		abort();
	free(text);
	text = text_of(data, len);
	argc = split(argv, text);
	if (umount_args_parse(&u, argc, argv) &&
	    (u.dir != argv[1] || u.dir[0] == '-'))
		abort();
	free(text);
	return 0;
}
