/* SPDX-License-Identifier: MIT */
/* Time the key derivation of a new vault alone: milliseconds, one a line. */
#include "crypto/crypto.h"
#include "crypto/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char *argv[])
{
	long runs = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	struct secret passphrase = {0}, key = {0};
	struct seal_params p;

	if (crypto_start() != 0 || seal_params_new(&p) != 0 ||
	    secret_alloc(&passphrase, 16) != 0)
		return 1;
	for (; runs > 0; runs--) {
		double start = now_ms();

		if (seal_derive(&key, &p, &passphrase) != 0)
			return 1;
		(void)printf("%.3f\n", now_ms() - start);
		secret_free(&key);
	}
	secret_free(&passphrase);
	return 0;
}
