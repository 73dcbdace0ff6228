/* SPDX-License-Identifier: MIT */
#include "helper_args.h"

#include <stddef.h>
#include <unistd.h>

/* Begin with what stands behind the last name, as if it were the program's. */
static void begin(void)
{
	opterr = 0;
	optind = 0;
}

bool mount_args_parse(struct mount_args *ret, int argc, char *argv[])
{
	int c;

	if (argc < 3 || argv[1][0] == '-' || argv[2][0] == '-')
		return false;
	*ret = (struct mount_args){.vault = argv[1], .dir = argv[2]};
	begin();
	while ((c = getopt(argc - 2, argv + 2, "+sfnvo:t:N:")) != -1) {
		/* Another namespace is not served; mount(8) gives one list. */
		if (c == '?' || c == 'N' || (c == 'o' && ret->options != NULL))
			return false;
		if (c == 'f')
			ret->fake = true;
		if (c == 'o')
			ret->options = optarg;
	}
	return optind == argc - 2;
}

bool umount_args_parse(struct umount_args *ret, int argc, char *argv[])
{
	int c;

	if (argc < 2 || argv[1][0] == '-')
		return false;
	*ret = (struct umount_args){.dir = argv[1]};
	begin();
	while ((c = getopt(argc - 1, argv + 1, "+flnrvt:N:")) != -1) {
		if (c == '?' || c == 'N')
			return false;
		ret->force = ret->force || c == 'f';
		ret->lazy = ret->lazy || c == 'l';
	}
	return optind == argc - 1;
}
