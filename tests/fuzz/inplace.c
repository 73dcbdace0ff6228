/* SPDX-License-Identifier: MIT */
/*
 * The journal of a file replaced where it is.  Each input is tried as it is,
 * and once more with its record signed, so that inputs get past the digest.
 */
#include "fs/inplace.h"
#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096, SIGNED = 80 };

static void find(const struct blob *file)
{
	struct inplace_found f;

	if (inplace_find(&f, file) != 0)
		return;
	if (f.off > file->len || f.len > file->len - f.off)
		abort();
	if (f.state == INPLACE_CLEAN && f.len != file->len)
		abort();
	if (f.state == INPLACE_OLD && f.off != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct blob file = {(uint8_t *)data, len};
	uint8_t *record;

	find(&file);
	if (len < BLOCK + len % BLOCK)
		return 0;
	file.data = blob_alloc(len);
	if (file.data == NULL)
		abort();
	memcpy(file.data, data, len);
	record = file.data + len - len % BLOCK - BLOCK;
	if (digest_sha256(record + SIGNED, record, SIGNED) != 0)
		abort();
	find(&file);
	blob_free(&file);
	return 0;
}
