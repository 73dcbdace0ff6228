/* SPDX-License-Identifier: MIT */
#include "crypto.h"
#include "mem.h"

#include <errno.h>
#include <openssl/crypto.h>

static void *lib_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_alloc_in(MEM_KEYS, size);
}

static void lib_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	mem_free(p);
}

static void *lib_realloc(void *p, size_t size, const char *file, int line)
{
	if (size == 0) {
		lib_free(p, file, line);
		return NULL;
	}
	return mem_realloc(p, size);
}

int crypto_start(void)
{
	int err = mem_harden();

	if (err != 0)
		return err;
	if (CRYPTO_set_mem_functions(lib_malloc, lib_realloc, lib_free) != 1)
		return -EALREADY;
	return 0;
}
