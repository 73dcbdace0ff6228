/* SPDX-License-Identifier: MIT */
#include "secret.h"

#include "mem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

int secret_alloc(struct secret *ret, size_t len)
{
	uint8_t *data = mem_alloc_in(MEM_KEYS, len);

	if (data == NULL)
		return -ENOMEM;
	*ret = (struct secret){data, len};
	return 0;
}

int secret_random(struct secret *ret, size_t len)
{
	int err = secret_alloc(ret, len);

	if (err == 0 && RAND_priv_bytes(ret->data, (int)len) != 1) {
		secret_free(ret);
		err = -EIO;
	}
	return err;
}

void secret_free(struct secret *s)
{
	mem_free(s->data);
	*s = (struct secret){0};
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len &&
	       (a->len == 0 || CRYPTO_memcmp(a->data, b->data, a->len) == 0);
}
