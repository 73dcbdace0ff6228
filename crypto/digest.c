/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

int digest_sha256(uint8_t ret[static DIGEST_LEN], const uint8_t *p, size_t len)
{
	uint8_t out[DIGEST_LEN] = {0};

	if (EVP_Digest(len > 0 ? p : out, len, out, NULL, EVP_sha256(), NULL) !=
	    1)
		return -EIO;
	memcpy(ret, out, sizeof(out));
	return 0;
}
