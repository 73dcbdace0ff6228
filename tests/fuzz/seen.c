/* SPDX-License-Identifier: MIT */
/* What is noted of a vault: a file that a crash may have cut. */
#include "tools/vault/seen.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = text_of(data, len), again[128];
	struct seen s = {0}, t = {0};

	if (seen_parse(&s, text)) {
		(void)snprintf(again, sizeof(again),
			       "generation=%" PRIu64 "\nsealed_ns=%" PRIu64
			       "\n",
			       s.generation, s.time_ns);
		if (!seen_parse(&t, again) || s.generation != t.generation ||
		    s.time_ns != t.time_ns)
			abort();
	}
	free(text);
	return 0;
}
