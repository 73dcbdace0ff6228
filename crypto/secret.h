/* SPDX-License-Identifier: MIT */
#ifndef TZ_SECRET_H
#define TZ_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A key or a passphrase, in the memory that mem.h has for keys: wiped on
 * release.
 * {0} is a valid empty secret.
 */
struct secret {
	uint8_t *data;
	size_t len;
};

/* Make *ret a secret of len zero bytes.  0 or -ENOMEM. */
int secret_alloc(struct secret *ret, size_t len);

/*
 * Make *ret a secret of len random bytes.  0, -ENOMEM, or -EIO if the system
 * has none.
 */
int secret_random(struct secret *ret, size_t len);

/* Wipe s and leave it empty.  An empty secret is a no-op. */
void secret_free(struct secret *s);

/* Are a and b the same?  The time it takes tells nothing but their lengths. */
bool secret_equal(const struct secret *a, const struct secret *b);

#endif
