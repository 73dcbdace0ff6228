/* SPDX-License-Identifier: MIT */
/*
 * In place of kdf_derive(), by the linker: a key for nothing, as thousands of
 * vaults are opened here and what a key is made of is tested elsewhere.  One
 * that has to be the real one is asked for once, and then known.
 */
#include "kdf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int __real_kdf_derive(uint8_t key[static KDF_KEY_LEN],
		      const struct kdf_cost *cost,
		      const uint8_t salt[static KDF_SALT_LEN],
		      const struct secret *passphrase);
int __wrap_kdf_derive(uint8_t key[static KDF_KEY_LEN],
		      const struct kdf_cost *cost,
		      const uint8_t salt[static KDF_SALT_LEN],
		      const struct secret *passphrase);

static struct known {
	bool set;
	uint8_t salt[KDF_SALT_LEN], key[KDF_KEY_LEN];
} * known;

int kdf_know(const uint8_t salt[static KDF_SALT_LEN])
{
	void *p = mmap(NULL, sizeof(*known), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	known = p;
	memcpy(known->salt, salt, KDF_SALT_LEN);
	return 0;
}

int __wrap_kdf_derive(uint8_t key[static KDF_KEY_LEN],
		      const struct kdf_cost *cost,
		      const uint8_t salt[static KDF_SALT_LEN],
		      const struct secret *passphrase)
{
	int err = kdf_check(cost);

	if (err != 0)
		return err;
	if (known != NULL && memcmp(salt, known->salt, KDF_SALT_LEN) == 0) {
		if (!known->set)
			err = __real_kdf_derive(known->key, cost, salt,
						passphrase);
		known->set = err == 0;
		memcpy(key, known->key, KDF_KEY_LEN);
		return err;
	}
	for (size_t i = 0; i < KDF_KEY_LEN; i++)
		key[i] = (uint8_t)(salt[i] ^
				   passphrase->data[i % passphrase->len]);
	return 0;
}
