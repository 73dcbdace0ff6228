/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_COMMON_H
#define TZ_TESTS_COMMON_H

/* What the tests of more than one module need. */

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

/*
 * The sanitizers turn mlock(2) into a no-op, so nothing that is to be seen of
 * locks is there to be seen.  gcc says that they are there with a macro, clang
 * with a feature.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif

#ifdef WITH_SANITIZER
enum { LOCKS_ARE_REAL = false };
#else
enum { LOCKS_ARE_REAL = true };
#endif

enum { HEX_MAX = 256 };

/* Bytes written as hexadecimal digits in a test. */
struct hex {
	uint8_t data[HEX_MAX];
	size_t len;
};

static inline struct hex hex(const char *digits)
{
	struct hex h = {.len = strlen(digits) / 2};

	assert_true(strlen(digits) % 2 == 0 && h.len <= HEX_MAX);
	for (size_t i = 0; i < h.len; i++)
		assert_int_equal(sscanf(digits + 2 * i, "%2hhx", &h.data[i]),
				 1);
	return h;
}

static inline bool all_bytes(const uint8_t *p, size_t n, uint8_t value)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != value)
			return false;
	}
	return true;
}

#endif
