/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include "mem.h"

#include <errno.h>
#include <openssl/evp.h>

struct digest {
	EVP_MD_CTX *ctx;
};

static int begin(struct digest *d)
{
	return EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

int digest_new(struct digest **ret)
{
	struct digest *d = mem_alloc(sizeof(*d));

	if (d == NULL)
		return -ENOMEM;
	d->ctx = EVP_MD_CTX_new();
	if (d->ctx == NULL || begin(d) != 0) {
		digest_free(d);
		return -ENOMEM;
	}
	*ret = d;
	return 0;
}

static int update(void *ctx, const uint8_t *buf, size_t len)
{
	struct digest *d = ctx;

	return EVP_DigestUpdate(d->ctx, buf, len) == 1 ? 0 : -EIO;
}

struct sink digest_sink(struct digest *d)
{
	return (struct sink){update, d};
}

int digest_end(struct digest *d, uint8_t out[static DIGEST_LEN])
{
	if (EVP_DigestFinal_ex(d->ctx, out, NULL) != 1)
		return -EIO;
	return begin(d);
}

int digest_sha256(uint8_t out[static DIGEST_LEN], const uint8_t *p, size_t len)
{
	return EVP_Digest(p, len, out, NULL, EVP_sha256(), NULL) == 1 ? 0
								      : -EIO;
}

void digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->ctx);
	mem_free(d);
}
