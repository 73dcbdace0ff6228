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

/* Where text goes: to a sink, or nowhere, to be counted alone. */
struct out {
	struct sink to;
	uint64_t len; /* of what was put so far */
	int err;      /* of to: the first one */
};

static void put(struct out *o, const void *bytes, size_t n)
{
	if (o->to.write != NULL && o->err == 0 && n > 0)
		o->err = o->to.write(o->to.ctx, bytes, n);
	o->len += n;
}

static void put_string(struct out *o, const char *s)
{
	put(o, s, strlen(s));
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

/*
 * Begin a record "LENGTH KEY=VALUE\n" with the start of its key; rest bytes
 * follow.  The length counts its own digits.
 */
static void start_record(struct out *o, const char *key, size_t rest)
{
	char number[DECIMAL];
	size_t bytes = 1 + strlen(key) + rest, total = bytes + digits(bytes);

	if (digits(total) > digits(bytes))
		total++;
	(void)snprintf(number, sizeof(number), "%zu ", total);
	put_string(o, number);
	put_string(o, key);
}

static void put_text(struct out *o, const char *key, const char *value)
{
	start_record(o, key, strlen(value) + 2);
	put_string(o, "=");
	put_string(o, value);
	put_string(o, "\n");
}

static void put_number(struct out *o, const char *key, uint64_t n)
{
	char text[DECIMAL];

	(void)snprintf(text, sizeof(text), "%" PRIu64, n);
	put_text(o, key, text);
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

static size_t name_length(const struct pax_name *name)
{
	size_t n = name->count > 0 ? name->count - 1 + name->is_folder : 0;

	for (size_t i = 0; i < name->count; i++)
		n += strlen(name->parts[i]);
	return n;
}

static bool is_ascii_name(const struct pax_name *name)
{
	for (size_t i = 0; i < name->count; i++)
		if (!is_ascii(name->parts[i]))
			return false;
	return true;
}

static bool fits_name(const struct pax_name *name)
{
	return name_length(name) <= NAME_LEN && is_ascii_name(name);
}

static void put_name(struct out *o, const char *key,
		     const struct pax_name *name)
{
	start_record(o, key, name_length(name) + 2);
	put_string(o, "=");
	for (size_t i = 0; i < name->count; i++) {
		put_string(o, name->parts[i]);
		if (i + 1 < name->count || name->is_folder)
			put_string(o, "/");
	}
	put_string(o, "\n");
}

/* An access control list in words, as libarchive and GNU tar know it. */
static void put_acl(struct out *o, const char *key, const uint8_t *acl,
		    size_t len)
{
	size_t count = acl_count(len), rest = 2 + (count > 0 ? count - 1 : 0);
	char text[ACL_TEXT_ENTRY];

	for (size_t i = 0; i < count; i++)
		rest += acl_to_text(text, acl, i);
	start_record(o, key, rest);
	for (size_t i = 0; i < count; i++) {
		put_string(o, i == 0 ? "=" : ",");
		put(o, text, acl_to_text(text, acl, i));
	}
	put_string(o, "\n");
}

static bool is_escaped(char c)
{
	return c == '=' || c == '%';
}

/* '=' ends a key; so GNU tar writes it, and '%' itself, as '%' and hex. */
static void put_xattr(struct out *o, const char *name, const uint8_t *value,
		      size_t len)
{
	size_t rest = strlen(name) + len + 2;

	if (strcmp(name, ACL_ACCESS) == 0) {
		put_acl(o, "SCHILY.acl.access", value, len);
		return;
	}
	if (strcmp(name, ACL_DEFAULT) == 0) {
		put_acl(o, "SCHILY.acl.default", value, len);
		return;
	}
	for (const char *p = name; *p != '\0'; p++)
		rest += is_escaped(*p) ? 2 : 0;
	start_record(o, "SCHILY.xattr.", rest);
	for (const char *p = name; *p != '\0'; p++) {
		if (is_escaped(*p))
			put_string(o, *p == '=' ? "%3D" : "%25");
		else
			put(o, p, 1);
	}
	put_string(o, "=");
	put(o, value, len);
	put_string(o, "\n");
}

uint64_t pax_xattr_size(const char *name, const uint8_t *value, size_t len)
{
	struct out o = {0};

	put_xattr(&o, name, value, len);
	return o.len;
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

static void put_names(struct out *o, const struct pax_member *m)
{
	/* Else libarchive would compose letters, and make one of two names. */
	if (!is_ascii_name(&m->path) || !is_ascii_name(&m->link))
		put_text(o, "hdrcharset", "BINARY");
	if (m->map != NULL)
		put_name(o, "GNU.sparse.name", &m->path);
	else if (!fits_name(&m->path))
		put_name(o, "path", &m->path);
	if (!fits_name(&m->link))
		put_name(o, "linkpath", &m->link);
}

static void put_sparse(struct out *o, const struct pax_member *m)
{
	put_text(o, "GNU.sparse.major", "1");
	put_text(o, "GNU.sparse.minor", "0");
	put_number(o, "GNU.sparse.realsize", m->attr->size);
}

static void put_time(struct out *o, struct ustar *u, struct timespec t)
{
	bool fits = t.tv_sec >= 0 &&
		    put_octal(u->mtime, sizeof(u->mtime), (uint64_t)t.tv_sec);
	char time[TWO_DECIMALS];

	if (!fits)
		(void)put_octal(u->mtime, sizeof(u->mtime), 0);
	if (fits && t.tv_nsec == 0)
		return;
	format_time(time, t);
	put_text(o, "mtime", time);
}

/* Fill in u, and put what has no room in it into records. */
static void put_fields(struct out *o, struct ustar *u,
		       const struct pax_member *m, uint64_t size)
{
	const struct attr *a = m->attr;

	(void)put_octal(u->mode, sizeof(u->mode), a->mode & 07777);
	if (!put_octal(u->uid, sizeof(u->uid), a->uid))
		put_number(o, "uid", a->uid);
	if (!put_octal(u->gid, sizeof(u->gid), a->gid))
		put_number(o, "gid", a->gid);
	if (!put_octal(u->size, sizeof(u->size), size))
		put_number(o, "size", size);
	put_time(o, u, a->mtime);
	for (const struct xattr *x = m->xattrs; x != NULL; x = x->next)
		put_xattr(o, x->name, x->value, x->len);
}

/* Copy as much of name as fits; a record has the rest. */
static void copy_name(char field[static NAME_LEN], const struct pax_name *name)
{
	size_t at = 0;

	for (size_t i = 0; i < name->count && at < NAME_LEN; i++) {
		const char *part = name->parts[i];
		size_t n = strlen(part);

		if (n > NAME_LEN - at)
			n = NAME_LEN - at;
		memcpy(field + at, part, n);
		at += n;
		if ((i + 1 < name->count || name->is_folder) && at < NAME_LEN)
			field[at++] = '/';
	}
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

/* All records of m; u gets what needs none. */
static void put_records(struct out *o, struct ustar *u,
			const struct pax_member *m, uint64_t size)
{
	if (m->map != NULL)
		put_sparse(o, m);
	put_names(o, m);
	put_fields(o, u, m, size);
}

/* The records, len bytes, as a member of their own before the one they are of.
 */
static int write_records(struct sink to, const struct pax_member *m,
			 uint64_t size, uint64_t len)
{
	struct ustar u = {.name = "PaxHeader"}, unused = {0};
	struct out o = {.to = to};

	(void)put_octal(u.mode, sizeof(u.mode), 0600);
	(void)put_octal(u.uid, sizeof(u.uid), 0);
	(void)put_octal(u.gid, sizeof(u.gid), 0);
	(void)put_octal(u.size, sizeof(u.size), len);
	(void)put_octal(u.mtime, sizeof(u.mtime), 0);
	o.err = write_block(to, &u, 'x');
	put_records(&o, &unused, m, size);
	return o.err == 0 ? pax_pad(to, o.len) : o.err;
}

static void put_piece(struct out *o, struct pax_piece p)
{
	char line[TWO_DECIMALS];

	(void)snprintf(line, sizeof(line), "%" PRIu64 "\n%" PRIu64 "\n", p.off,
		       p.len);
	put_string(o, line);
}

/* The map of a sparse file: how many pieces, and where each is, in lines. */
static void put_map(struct out *o, const struct pax_member *m)
{
	const struct pax_map *map = m->map;
	struct pax_piece p = {0};
	char line[DECIMAL];
	uint64_t count = 0;

	while (map->next(map->ctx, p.off + p.len, &p))
		count++;
	(void)snprintf(line, sizeof(line), "%" PRIu64 "\n",
		       count > 0 ? count : 1);
	put_string(o, line);
	/* A file that is all hole has an empty piece at its end. */
	if (count == 0)
		put_piece(o, (struct pax_piece){m->attr->size, 0});
	p = (struct pax_piece){0};
	while (o->err == 0 && map->next(map->ctx, p.off + p.len, &p))
		put_piece(o, p);
}

int pax_header(struct sink to, const struct pax_member *m)
{
	struct out map = {0}, records = {0};
	struct ustar u = {0};
	uint64_t size = m->size;
	int err = 0;

	/* How long each is must be known before it is written. */
	if (m->map != NULL)
		put_map(&map, m);
	size += pax_blocks(map.len);
	put_records(&records, &u, m, size);
	if (records.len > PAX_HEADER_MAX)
		return -EOVERFLOW;
	if (records.len > 0)
		err = write_records(to, m, size, records.len);
	copy_name(u.name, &m->path);
	copy_name(u.link, &m->link);
	if (err == 0)
		err = write_block(to, &u, m->type);
	explicit_bzero(&u, sizeof(u));
	if (err != 0 || m->map == NULL)
		return err;
	map = (struct out){.to = to};
	put_map(&map, m);
	return map.err == 0 ? pax_pad(to, map.len) : map.err;
}
