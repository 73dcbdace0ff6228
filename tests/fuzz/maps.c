/* SPDX-License-Identifier: MIT */
/* A line of a table of mappings, with names that other processes chose. */
#include "tools/mounts/maps.h"

#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mapping m = {0};
	char *line = text_of(data, len);

	if (maps_parse(&m, line)) {
		const char *end = line + strlen(line);

		if (m.path < line || m.path > end)
			abort();
	}
	free(line);
	return 0;
}
