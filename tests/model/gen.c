/* SPDX-License-Identifier: MIT */
/* What an operation is: made from its number, and shown to people. */
#include "model.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(a)  (sizeof(a) / sizeof((a)[0]))
#define PICK(a, r) ((a)[model_random(r) % LENGTH(a)])

/* 255 bytes, the most a name can have, and one more. */
#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define LONG  FIFTY FIFTY FIFTY FIFTY FIFTY "12345"

static const char *const names[] = {
	"a", "a", "b", "b", "c", "e f", "\xc3\xbc", "\xe6\x97\xa5\xe6\x9c\xac",
	LONG};
static const char *const folders[] = {"d0", "d0", "d1", "d2"};
static const char *const odd[] = {".",	 "..", LONG "6",  "a/",
				  "d0/", "x",  "d1/../a", "b/c"};

static const char *const targets[] = {
	"a", "b", "d0", "d1", "../a", "d0/b", "..", ".", "l", "nothing", LONG};

static const char *const xattrs[] = {"user.a",
				     "user.a",
				     "user.b",
				     "user." FIFTY,
				     "trusted.t",
				     "security.capability",
				     "system.posix_acl_access",
				     "system.posix_acl_default",
				     "user.",
				     "nothing.n"};

const off_t model_windows[] = {0, (1LL << 32) - 65536, (1LL << 40) - 65536};
const unsigned model_window_count = LENGTH(model_windows);

static const off_t offsets[] = {0,     0,     1,      100,    4095,  4096,
				4097,  8192,  12288,  32768,  65535, 65536,
				65537, 98304, 131072, 131073, 131100};
static const size_t lengths[] = {0,	1,     2,     10,    100,   4095,
				 4096,	4097,  8192,  12288, 20000, 65535,
				 65536, 65537, 70000, 100000};
static const mode_t modes[] = {0644,  0600,  0666, 0755,  0700,	 0777,
			       01777, 0,     0444, 04755, 02755, 06777,
			       02644, 02770, 0111, 0640};
static const uid_t users[] = {0, 0, 0, 0, 0, 0, 1000, 1000, 1000, 1001};
static const mode_t umasks[] = {022, 022, 0, 077, 027};
static const uid_t owners[] = {0, 1000, 1001, 2000, (uid_t)-1};
static const struct timespec times[] = {{0, UTIME_NOW},
					{0, UTIME_NOW},
					{0, UTIME_OMIT},
					{0, UTIME_OMIT},
					{0, 0},
					{-1, 5},
					{1LL << 31, 1},
					{(1LL << 32) + 7, 999999999},
					{1234567890, 123456789},
					{-(1LL << 31), 0}};

uint64_t model_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void append(char *path, const char *more)
{
	size_t len = strlen(path);

	(void)snprintf(path + len, PATH_ROOM - len, "%s", more);
}

static void make_path(char *path, uint64_t *r, bool folder)
{
	unsigned depth = (unsigned)(model_random(r) % 8);
	unsigned kind = (unsigned)(model_random(r) % 100);
	const char *leaf = PICK(names, r), *dir = PICK(folders, r);

	/* Half of all names are in the top folder, a few three deep. */
	depth = depth < 4 ? 0 : depth < 7 ? 1 : 2;
	path[0] = '\0';
	while (depth-- > 0) {
		append(path, PICK(folders, r));
		append(path, "/");
	}
	if (kind >= 97)
		leaf = PICK(odd, r);
	else if (folder ? kind < 85 : kind < 15)
		leaf = dir;
	append(path, leaf);
}

static off_t make_offset(uint64_t *r)
{
	uint64_t kind = model_random(r) % 20;
	off_t off = PICK(offsets, r);

	if (kind == 0)
		return off - (off_t)(model_random(r) % 3);
	if (kind < 3)
		return off + model_windows[1 + model_random(r) % 2];
	if (kind < 8)
		return (off_t)(model_random(r) % 150000);
	return off;
}

static size_t make_length(uint64_t *r)
{
	uint64_t kind = model_random(r) % 3;
	size_t len = PICK(lengths, r);

	return kind == 0 ? model_random(r) % 9000 : len;
}

static int make_slot(uint64_t *r)
{
	return (int)(model_random(r) % SLOTS);
}

static int make_base(uint64_t *r)
{
	int slot = make_slot(r);

	return model_random(r) % 6 == 0 ? slot : -1;
}

/* What kind is it, of those that may be in this epoch? */
static int make_kind(uint64_t *r, bool exact)
{
	for (;;) {
		unsigned i = (unsigned)(model_random(r) % op_kind_count);
		unsigned weight = (unsigned)(model_random(r) % WEIGHT_MAX);

		if (weight < op_kinds[i].weight &&
		    !(exact && op_kinds[i].relaxed))
			return (int)i;
	}
}

static int make_flags(const int *flags, uint64_t *r)
{
	unsigned n = 1;

	if (flags == NULL)
		return 0;
	while (flags[n] != -1)
		n++;
	return flags[model_random(r) % n];
}

bool epoch_is_exact(unsigned number)
{
	return number / EPOCH % 2 == 0;
}

void op_make(struct op *o, uint64_t seed, unsigned number)
{
	uint64_t state = seed ^ (number + 1) * 0xd1342543de82ef95, *r = &state;
	const struct op_kind *k;

	*o = (struct op){.number = number, .seed = model_random(r)};
	o->exact = epoch_is_exact(number);
	o->kind = make_kind(r, o->exact);
	k = &op_kinds[o->kind];
	o->user = PICK(users, r);
	o->umask = PICK(umasks, r);
	o->fd = make_slot(r);
	o->fd2 = make_slot(r);
	o->base = make_base(r);
	o->base2 = make_base(r);
	o->map = (int)(model_random(r) % MAPS);
	make_path(o->path, r, k->folders);
	/* Of two names one may be anything: what a link points to, too. */
	if (strstr(k->show, "%T") != NULL)
		append(o->path2, PICK(targets, r));
	else
		make_path(o->path2, r, o->path[0] == 'd');
	o->flags = make_flags(k->flags, r);
	o->mode = PICK(modes, r);
	o->uid = PICK(owners, r);
	o->gid = PICK(owners, r);
	/* To change neither may be refused for the sake of set-id bits, or do
	 * nothing: fuse_setattr() of Linux takes them out first. */
	if (o->uid == (uid_t)-1 && o->gid == (gid_t)-1)
		o->gid = 1000;
	o->off = make_offset(r);
	o->off2 = make_offset(r);
	o->len = make_length(r);
	o->times[0] = PICK(times, r);
	o->times[1] = PICK(times, r);
	o->xattr = PICK(xattrs, r);
}

void op_fill(const struct op *o, uint8_t *buf, size_t len)
{
	uint64_t r = o->seed;

	for (size_t i = 0; i < len; i += sizeof(r)) {
		uint64_t word = (r += 0x0101010101010101) | 1;

		memcpy(buf + i, &word, len - i < 8 ? len - i : 8);
	}
}

static void put_acl(uint8_t *buf, size_t *len, unsigned tag, unsigned perm,
		    uint32_t id)
{
	const uint16_t words[] = {(uint16_t)tag, (uint16_t)perm};

	memcpy(buf + *len, words, sizeof(words));
	memcpy(buf + *len + 4, &id, sizeof(id));
	*len += 8;
}

/* An access control list as the kernel has it: short, or with a mask. */
static size_t make_acl(const struct op *o, uint8_t *buf)
{
	const uint32_t version = 2, none = (uint32_t)-1;
	size_t len = sizeof(version);
	unsigned p = (unsigned)(o->seed >> 8);

	memcpy(buf, &version, sizeof(version));
	put_acl(buf, &len, 0x01, p & 7, none);
	if (o->seed & 3)
		put_acl(buf, &len, 0x02, p >> 3 & 7, 1000);
	put_acl(buf, &len, 0x04, p >> 6 & 7, none);
	if (o->seed & 3)
		put_acl(buf, &len, 0x10, p >> 9 & 7, none);
	put_acl(buf, &len, 0x20, p >> 12 & 7, none);
	return len;
}

size_t op_xattr_value(const struct op *o, uint8_t *buf)
{
	/* Version 2, effective, no inheritable rights. */
	static const uint8_t capability[20] = {1, 0, 0, 2, 4};
	size_t len;

	if (strncmp(o->xattr, "system.", 7) == 0)
		return make_acl(o, buf);
	if (strncmp(o->xattr, "security.", 9) == 0) {
		memcpy(buf, capability, sizeof(capability));
		return sizeof(capability);
	}
	/* Together no more than tazpodfs keeps of one file, or too large. */
	len = o->len > XATTR_SIZE_MAX ? o->len : o->len % 50000;
	op_fill(o, buf, len);
	return len;
}

struct out {
	char *buf;
	size_t room;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *out,
						      const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(out->buf, out->room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= out->room)
		n = (int)strlen(out->buf);
	out->buf += n;
	out->room -= (size_t)n;
}

static void put_path(struct out *out, const char *path)
{
	put(out, "\"");
	while (*path != '\0') {
		if (strncmp(path, LONG, strlen(LONG)) == 0) {
			put(out, "<255>");
			path += strlen(LONG);
		} else {
			put(out, "%c", *path++);
		}
	}
	put(out, "\"");
}

static void put_open_flags(struct out *out, int flags)
{
	static const char *const modes_of[] = {"O_RDONLY", "O_WRONLY", "O_RDWR",
					       "3"};
	static const struct {
		int flag;
		const char *name;
	} all[] = {{O_CREAT, "O_CREAT"},
		   {O_EXCL, "O_EXCL"},
		   {O_TRUNC, "O_TRUNC"},
		   {O_APPEND, "O_APPEND"},
		   {O_DIRECTORY, "O_DIRECTORY"},
		   {O_NOFOLLOW, "O_NOFOLLOW"},
		   {O_PATH, "O_PATH"}};

	put(out, "%s", modes_of[flags & O_ACCMODE]);
	for (size_t i = 0; i < LENGTH(all); i++)
		if (flags & all[i].flag)
			put(out, "|%s", all[i].name);
}

static void put_base(struct out *out, int base)
{
	if (base < 0)
		put(out, "top");
	else
		put(out, "fd%d", base);
}

static void put_time(struct out *out, const struct timespec *t)
{
	if (t->tv_nsec == UTIME_NOW || t->tv_nsec == UTIME_OMIT)
		put(out, t->tv_nsec == UTIME_NOW ? "now" : "omit");
	else
		put(out, "%lld.%09ld", (long long)t->tv_sec, t->tv_nsec);
}

static void put_field(struct out *out, const struct op *o, char field)
{
	switch (field) {
	case 'b':
		put_base(out, o->base);
		break;
	case 'B':
		put_base(out, o->base2);
		break;
	case 'p':
		put_path(out, o->path);
		break;
	case 'P':
	case 'T':
		put_path(out, o->path2);
		break;
	case 's':
		put(out, "fd%d", o->fd);
		break;
	case 'S':
		put(out, "fd%d", o->fd2);
		break;
	case 'M':
		put(out, "map%d", o->map);
		break;
	case 'f':
		put_open_flags(out, o->flags);
		break;
	case 'x':
		put(out, "%#x", (unsigned)o->flags);
		break;
	case 'm':
		put(out, "%04o", o->mode);
		break;
	case 'u':
		put(out, "%d, %d", (int)o->uid, (int)o->gid);
		break;
	case 'o':
		put(out, "%lld", (long long)o->off);
		break;
	case 'O':
		put(out, "%lld", (long long)o->off2);
		break;
	case 'n':
		put(out, "%zu", o->len);
		break;
	case 'a':
		put(out, "%s", o->xattr);
		break;
	case 't':
		put_time(out, &o->times[0]);
		put(out, ", ");
		put_time(out, &o->times[1]);
		break;
	default:
		break;
	}
}

void op_show(char *buf, size_t room, const struct op *o)
{
	struct out out = {buf, room};

	*buf = '\0';
	put(&out, "%u: ", o->number);
	if (o->user != 0)
		put(&out, "as %u: ", (unsigned)o->user);
	if (o->umask != 022)
		put(&out, "umask %03o: ", o->umask);
	for (const char *s = op_kinds[o->kind].show; *s != '\0'; s++) {
		if (*s == '%')
			put_field(&out, o, *++s);
		else
			put(&out, "%c", *s);
	}
}
