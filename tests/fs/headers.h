/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FS_HEADERS_H
#define TZ_TESTS_FS_HEADERS_H

/*
 * Archives of which no honest writer is guilty, made header by header
 * (POSIX.1-1988 ustar, POSIX.1-2001 pax).
 */

#include "archives.h"

enum { TAR_BLOCK = 512 };

/* One entry to be.  Zero means what is usual. */
struct item {
	const char *name;
	char type; /* '0' to '7', 'x', ...; 0: a file */
	const char *data;
	const char *link;
	const char *size; /* the field's bytes, if not those of data */
	uint32_t mode;
};

/* Where a ustar header has its fields. */
enum {
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_CHECKSUM = 148,
	AT_TYPE = 156,
	AT_LINK = 157,
	AT_MAGIC = 257,
};

static inline void put_text(uint8_t *h, size_t at, size_t room,
			    const char *text)
{
	size_t len = strlen(text);

	memcpy(h + at, text, len < room ? len : room);
}

static inline void put_octal(uint8_t *h, size_t at, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%011llo",
		       (unsigned long long)value);
	put_text(h, at, 12, text);
}

static inline void put_checksum(uint8_t *h)
{
	char text[16];
	unsigned sum = 0;

	memset(h + AT_CHECKSUM, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	(void)snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h + AT_CHECKSUM, text, 7);
}

static inline void add_blocks(struct bytes *b, const void *p, size_t len)
{
	static const uint8_t zeros[TAR_BLOCK];

	append(b, p, len);
	if (len % TAR_BLOCK != 0)
		append(b, zeros, TAR_BLOCK - len % TAR_BLOCK);
}

static inline void add_item(struct bytes *b, const struct item *item)
{
	uint8_t h[TAR_BLOCK] = {0};
	size_t len = item->data != NULL ? strlen(item->data) : 0;

	put_text(h, 0, 100, item->name);
	put_text(h, AT_MODE, 8, "0000700");
	put_text(h, AT_UID, 8, "0001750");
	put_text(h, AT_GID, 8, "0001750");
	put_octal(h, AT_SIZE, len);
	if (item->size != NULL)
		put_text(h, AT_SIZE, 12, item->size);
	put_octal(h, AT_MTIME, 1000000000);
	h[AT_TYPE] = item->type != 0 ? (uint8_t)item->type : '0';
	if (item->link != NULL)
		put_text(h, AT_LINK, 100, item->link);
	memcpy(h + AT_MAGIC, "ustar\00000", 8);
	put_checksum(h);
	append(b, h, sizeof(h));
	if (len > 0)
		add_blocks(b, item->data, len);
}

/* A pax header of one record, for the entry that follows. */
static inline void add_record(struct bytes *b, const char *key,
			      const void *value, size_t len)
{
	struct bytes body = {0};
	uint8_t h[TAR_BLOCK] = {0};
	char head[300];
	size_t size = strlen(key) + len + 3, digits = 1;

	/* The length counts its own digits. */
	for (size_t n = 10; size + digits >= n; n *= 10)
		digits++;
	(void)snprintf(head, sizeof(head), "%zu %s=", size + digits, key);
	append(&body, head, strlen(head));
	append(&body, value, len);
	append(&body, "\n", 1);
	put_text(h, 0, 100, "PaxHeader/x");
	put_text(h, AT_MODE, 8, "0000644");
	put_octal(h, AT_SIZE, body.len);
	put_octal(h, AT_MTIME, 0);
	h[AT_TYPE] = 'x';
	memcpy(h + AT_MAGIC, "ustar\00000", 8);
	put_checksum(h);
	append(b, h, sizeof(h));
	add_blocks(b, body.data, body.len);
	bytes_free(&body);
}

static inline void add_text_record(struct bytes *b, const char *key,
				   const char *value)
{
	add_record(b, key, value, strlen(value));
}

static inline void add_end(struct bytes *b)
{
	static const uint8_t zeros[2 * TAR_BLOCK];

	append(b, zeros, sizeof(zeros));
}

/* An archive of the items up to the first without a name. */
static inline struct bytes archive_of(const struct item *items)
{
	struct bytes b = {0};

	for (; items->name != NULL; items++)
		add_item(&b, items);
	add_end(&b);
	return b;
}

#endif
