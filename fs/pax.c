/* SPDX-License-Identifier: MIT */
#include "pax.h"

#include "acl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	NAME_LEN = 100,
	NS_PER_SECOND = 1000000000,
	DECIMAL = 24, /* room for one number in words */
	TWO_DECIMALS = 2 * DECIMAL,
};

/* The fields of a ustar block (POSIX.1-2017, pax, "ustar Interchange Format")
 */
struct ustar {
	char name[NAME_LEN];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char checksum[8];
	char type;
	char link[NAME_LEN];
	char magic[6], version[2];
	char user[32], group[32];
	char major[8], minor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct ustar) == PAX_BLOCK, "a ustar block");

static const uint8_t zeros[PAX_BLOCK];

/* Make room for n more bytes of text. */
static int make_room(struct pax_buffer *b, size_t n)
{
	struct secret more = {0};

	if (b->len + n <= b->text.len)
		return 0;
	if (secret_alloc(&more, 2 * (b->len + n)) != 0)
		return -ENOMEM;
	if (b->len > 0)
		memcpy(more.data, b->text.data, b->len);
	secret_free(&b->text);
	b->text = more;
	return 0;
}

static int put(struct pax_buffer *b, const void *bytes, size_t n)
{
	int err = make_room(b, n);

	if (err == 0 && n > 0) {
		memcpy(b->text.data + b->len, bytes, n);
		b->len += n;
	}
	return err;
}

static size_t digits(size_t n)
{
	size_t count = 1;

	while (n >= 10) {
		n /= 10;
		count++;
	}
	return count;
}

/* A record "LENGTH KEY=VALUE\n"; the length counts its own digits. */
static int put_record(struct pax_buffer *b, const char *key, const void *value,
		      size_t len)
{
	char number[DECIMAL];
	size_t rest = strlen(key) + len + 3, total = rest + digits(rest);
	int err;

	if (digits(total) > digits(rest))
		total++;
	(void)snprintf(number, sizeof(number), "%zu ", total);
	err = put(b, number, strlen(number));
	if (err == 0)
		err = put(b, key, strlen(key));
	if (err == 0)
		err = put(b, "=", 1);
	if (err == 0)
		err = put(b, value, len);
	if (err == 0)
		err = put(b, "\n", 1);
	return err;
}

static int put_text(struct pax_buffer *b, const char *key, const char *value)
{
	return put_record(b, key, value, strlen(value));
}

static int put_number(struct pax_buffer *b, const char *key, uint64_t n)
{
	char text[DECIMAL];

	(void)snprintf(text, sizeof(text), "%" PRIu64, n);
	return put_text(b, key, text);
}

/* n in octal into a field of size bytes; false, and the field is 0, if not. */
static bool put_octal(char *field, size_t size, uint64_t n)
{
	bool fits = n >> (3 * (size - 1)) == 0;

	if (!fits)
		n = 0;
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; n >>= 3)
		field[i] = (char)('0' + (n & 7));
	return fits;
}

/*
 * t as a decimal number of seconds.  A time of a part of a second before 1970
 * becomes the whole second: libarchive's reader loses the sign of "-0.5".
 */
static void format_time(char text[static TWO_DECIMALS], struct timespec t)
{
	int64_t whole = t.tv_sec;
	long ns = t.tv_nsec;
	bool negative = whole < 0;

	if (negative && ns > 0) {
		whole++;
		ns = NS_PER_SECOND - ns;
	}
	if (negative && whole == 0) {
		whole = -1;
		ns = 0;
	}
	if (ns == 0)
		(void)snprintf(text, TWO_DECIMALS, "%" PRId64, whole);
	else
		(void)snprintf(text, TWO_DECIMALS, "%" PRId64 ".%09ld", whole,
			       ns);
}

static bool is_ascii(const char *s)
{
	while ((unsigned char)*s >= ' ' && (unsigned char)*s < 0x7f)
		s++;
	return *s == '\0';
}

static bool fits_name(const char *s)
{
	return strlen(s) <= NAME_LEN && is_ascii(s);
}

/* An access control list in words, as libarchive and GNU tar know it. */
static int put_acl(struct pax_buffer *b, const char *key, const struct xattr *x)
{
	struct secret text = {0};
	int err = secret_alloc(&text,
			       1 + (x->len / ACL_ENTRY + 1) * ACL_TEXT_ENTRY);

	if (err != 0)
		return err;
	acl_to_text((char *)text.data, x->value, x->len);
	err = put_text(b, key, (char *)text.data);
	secret_free(&text);
	return err;
}

/* '=' ends a key; so GNU tar writes it, and '%' itself, as '%' and hex. */
static int put_xattr(struct pax_buffer *b, const struct xattr *x)
{
	char key[16 + 3 * 256] = "SCHILY.xattr.", *to = key + strlen(key);

	if (strcmp(x->name, ACL_ACCESS) == 0)
		return put_acl(b, "SCHILY.acl.access", x);
	if (strcmp(x->name, ACL_DEFAULT) == 0)
		return put_acl(b, "SCHILY.acl.default", x);
	for (const char *p = x->name; *p != '\0'; p++) {
		if (to > key + sizeof(key) - 4)
			return -EIO; /* xattr(7): names have at most 255 bytes
				      */
		if (*p == '=' || *p == '%')
			to += sprintf(to, "%%%02X", (unsigned)*p);
		else
			*to++ = *p;
	}
	*to = '\0';
	return put_record(b, key, x->value, x->len);
}

void pax_unescape(char *name)
{
	char *to = name;

	for (const char *p = name; *p != '\0';) {
		bool percent = strncmp(p, "%25", 3) == 0;

		if (percent || strncmp(p, "%3D", 3) == 0) {
			*to++ = percent ? '%' : '=';
			p += 3;
		} else {
			*to++ = *p++;
		}
	}
	*to = '\0';
}

static int put_names(struct pax_buffer *b, const struct pax_member *m)
{
	int err = 0;

	/* Else libarchive would compose letters, and make one of two names. */
	if (!is_ascii(m->path) || (m->link != NULL && !is_ascii(m->link)))
		err = put_text(b, "hdrcharset", "BINARY");
	if (err == 0 && m->pieces != NULL)
		err = put_text(b, "GNU.sparse.name", m->path);
	else if (err == 0 && !fits_name(m->path))
		err = put_text(b, "path", m->path);
	if (err == 0 && m->link != NULL && !fits_name(m->link))
		err = put_text(b, "linkpath", m->link);
	return err;
}

static int put_sparse(struct pax_buffer *b, const struct pax_member *m)
{
	int err = put_text(b, "GNU.sparse.major", "1");

	if (err == 0)
		err = put_text(b, "GNU.sparse.minor", "0");
	if (err == 0)
		err = put_number(b, "GNU.sparse.realsize", m->attr->size);
	return err;
}

/* Fill in u, and put what has no room in it into records. */
static int put_fields(struct pax_buffer *b, struct ustar *u,
		      const struct pax_member *m, uint64_t size)
{
	const struct attr *a = m->attr;
	char time[TWO_DECIMALS];
	int err = 0;

	(void)put_octal(u->mode, sizeof(u->mode), a->mode & 07777);
	if (!put_octal(u->uid, sizeof(u->uid), a->uid))
		err = put_number(b, "uid", a->uid);
	if (!put_octal(u->gid, sizeof(u->gid), a->gid) && err == 0)
		err = put_number(b, "gid", a->gid);
	if (!put_octal(u->size, sizeof(u->size), size) && err == 0)
		err = put_number(b, "size", size);
	if ((a->mtime.tv_sec < 0 || a->mtime.tv_nsec != 0 ||
	     !put_octal(u->mtime, sizeof(u->mtime),
			(uint64_t)a->mtime.tv_sec)) &&
	    err == 0) {
		(void)put_octal(u->mtime, sizeof(u->mtime),
				a->mtime.tv_sec > 0 &&
						a->mtime.tv_sec >> 33 == 0
					? (uint64_t)a->mtime.tv_sec
					: 0);
		format_time(time, a->mtime);
		err = put_text(b, "mtime", time);
	}
	for (const struct xattr *x = m->xattrs; err == 0 && x != NULL;
	     x = x->next)
		err = put_xattr(b, x);
	return err;
}

/* Copy as much of s as fits; a record has the rest. */
static void copy_name(char field[static NAME_LEN], const char *s)
{
	size_t n = strlen(s);

	memcpy(field, s, n < NAME_LEN ? n : NAME_LEN);
}

/* Complete and write a block of the given type. */
static int write_block(struct sink to, struct ustar *u, char type)
{
	const uint8_t *bytes = (const uint8_t *)u;
	unsigned sum = 0;

	u->type = type;
	memcpy(u->magic, "ustar", sizeof(u->magic));
	memcpy(u->version, "00", sizeof(u->version));
	memset(u->checksum, ' ', sizeof(u->checksum));
	for (size_t i = 0; i < sizeof(*u); i++)
		sum += bytes[i];
	(void)put_octal(u->checksum, 7, sum);
	return to.write(to.ctx, bytes, sizeof(*u));
}

uint64_t pax_blocks(uint64_t n)
{
	return (n + PAX_BLOCK - 1) / PAX_BLOCK * PAX_BLOCK;
}

int pax_pad(struct sink to, uint64_t n)
{
	size_t over = n % PAX_BLOCK;

	return over == 0 ? 0 : to.write(to.ctx, zeros, PAX_BLOCK - over);
}

int pax_end(struct sink to)
{
	int err = to.write(to.ctx, zeros, PAX_BLOCK);

	return err == 0 ? to.write(to.ctx, zeros, PAX_BLOCK) : err;
}

/* Write what is in b, padded. */
static int write_text(struct pax_buffer *b, struct sink to)
{
	int err = to.write(to.ctx, b->text.data, b->len);

	return err == 0 ? pax_pad(to, b->len) : err;
}

/* The records of b as a member of their own, before the one they are of. */
static int write_records(struct pax_buffer *b, struct sink to)
{
	struct ustar u = {.name = "PaxHeader"};
	int err;

	(void)put_octal(u.mode, sizeof(u.mode), 0600);
	(void)put_octal(u.uid, sizeof(u.uid), 0);
	(void)put_octal(u.gid, sizeof(u.gid), 0);
	(void)put_octal(u.size, sizeof(u.size), b->len);
	(void)put_octal(u.mtime, sizeof(u.mtime), 0);
	err = write_block(to, &u, 'x');
	return err == 0 ? write_text(b, to) : err;
}

/* The map of a sparse file: how many pieces, and where each is, in lines. */
static int put_map(struct pax_buffer *b, const struct pax_member *m)
{
	char line[TWO_DECIMALS];
	int err;

	(void)snprintf(line, sizeof(line), "%zu\n", m->piece_count);
	err = put(b, line, strlen(line));
	for (size_t i = 0; err == 0 && i < m->piece_count; i++) {
		(void)snprintf(line, sizeof(line), "%" PRIu64 "\n%" PRIu64 "\n",
			       m->pieces[i].off, m->pieces[i].len);
		err = put(b, line, strlen(line));
	}
	return err;
}

int pax_header(struct pax_buffer *b, struct sink to, const struct pax_member *m)
{
	struct ustar u = {0};
	uint64_t size = m->size;
	int err = 0;

	b->len = 0;
	if (m->pieces != NULL) {
		/* How long the map is must be known before it is written. */
		err = put_map(b, m);
		size += pax_blocks(b->len);
		b->len = 0;
		if (err == 0)
			err = put_sparse(b, m);
	}
	if (err == 0)
		err = put_names(b, m);
	if (err == 0)
		err = put_fields(b, &u, m, size);
	if (err == 0 && b->len > 0)
		err = write_records(b, to);
	if (err != 0)
		return err;
	copy_name(u.name, m->path);
	if (m->link != NULL)
		copy_name(u.link, m->link);
	err = write_block(to, &u, m->type);
	explicit_bzero(&u, sizeof(u));
	b->len = 0;
	if (err == 0 && m->pieces != NULL)
		err = put_map(b, m);
	return err == 0 && b->len > 0 ? write_text(b, to) : err;
}
