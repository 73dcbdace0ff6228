/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FS_COMMON_H
#define TZ_TESTS_FS_COMMON_H

/* What the tests of more than one module of fs/ need. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Xorshift (Marsaglia, 2003): the same sequence in every run. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Bytes without a period, none of them 0, that no packer makes smaller. */
static inline void fill_random(uint8_t *p, size_t len, uint64_t seed)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;

	for (size_t i = 0; i < len; i++) {
		p[i] = (uint8_t)(next_random(&state) >> 32);
		if (p[i] == 0)
			p[i] = 1;
	}
}

static inline bool all_bytes(const uint8_t *p, size_t n, uint8_t value)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != value)
			return false;
	}
	return true;
}

/* assert_memory_equal() prints every byte that differs: too many here. */
#define assert_same_bytes(a, b, len) assert_true(memcmp(a, b, len) == 0)

#endif
