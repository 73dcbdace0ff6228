/* SPDX-License-Identifier: MIT */
/* A list of mount options.  What is accepted is within its bounds. */
#include "tools/options.h"

#include "text.h"

static void check(const struct options *o)
{
	static const char *const known[] = {"allow_other", "noexec", "sync",
					    "dirsync", "noatime"};
	char *list = o->fuse != NULL ? strdup(o->fuse) : NULL, *rest = list;
	const char *word;

	if (o->size == 0 || o->size > UINT64_C(1) << 40 ||
	    o->nr_inodes > UINT64_C(1) << 31 || o->keep > 10000 ||
	    o->seal.quiet_ms > 86400000 || o->seal.most_ms > 86400000 ||
	    o->view.umask > 0777 || o->pass.fd < -1 ||
	    (o->create && o->read_only) || (o->no_cache && o->writeback))
		abort();
	/* Nothing gets to libfuse, and root's mount(2), that is not meant to.
	 */
	while ((word = strsep(&rest, ",")) != NULL) {
		size_t i = 0, count = sizeof(known) / sizeof(known[0]);

		while (i < count && strcmp(word, known[i]) != 0)
			i++;
		if (i == count)
			abort();
	}
	free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = text_of(data, len);
	struct options o;
	uint64_t size;
	uint32_t ms;

	options_init(&o);
	if (options_parse(&o, text) == EXIT_DONE)
		check(&o);
	options_free(&o);
	(void)options_size(&size, text);
	if (options_duration(&ms, text) == 0 && ms > 86400000)
		abort();
	free(text);
	return 0;
}
