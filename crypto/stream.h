/* SPDX-License-Identifier: MIT */
#ifndef TZ_STREAM_H
#define TZ_STREAM_H

/*
 * The two ends of a pipe in memory.  A vault is opened and sealed as a chain
 * of these, so that no stage ever holds the whole of the plaintext twice.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Where bytes come from.  read() fills at most len bytes of buf and returns
 * their number, 0 at the end, or -errno.  It may return fewer than asked.
 */
struct source {
	ssize_t (*read)(void *ctx, uint8_t *buf, size_t len);
	void *ctx;
};

/* Where bytes go.  write() takes all len bytes of buf: 0 or -errno. */
struct sink {
	int (*write)(void *ctx, const uint8_t *buf, size_t len);
	void *ctx;
};

#endif
