/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FUZZ_TEXT_H
#define TZ_TESTS_FUZZ_TEXT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The input as a string of its own, which ends where its memory does. */
static inline char *text_of(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	if (text == NULL)
		abort();
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

#endif
