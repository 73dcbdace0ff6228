/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <fuse_opt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void options_init(struct options *o)
{
	*o = (struct options){
		.size = OPTIONS_SIZE,
		.secret = OPTIONS_SECRET,
		.pass = {.fd = -1},
		.seal = {.quiet_ms = 200, .most_ms = 1000},
		.keep = 5,
	};
}

void options_free(struct options *o)
{
	free(o->pass.file);
	free(o->pass.command);
	free(o->lock.notify);
	free(o->fuse);
	options_init(o);
}

int options_size(uint64_t *ret, const char *text)
{
	static const char units[] = "kmgt";
	unsigned long long n;
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0)
		return -EINVAL;
	if (*end != '\0') {
		unsigned shift;

		unit = strchr(units, *end | 0x20);
		if (unit == NULL || end[1] != '\0')
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
		if (n > UINT64_MAX >> shift)
			return -EINVAL;
		n <<= shift;
	}
	*ret = n;
	return 0;
}

int options_duration(uint32_t *ret_ms, const char *text)
{
	static const struct {
		const char *name;
		uint32_t ms;
	} units[] = {
		{"", 1000},   {"ms", 1},      {"s", 1000},
		{"m", 60000}, {"h", 3600000}, {"d", 86400000},
	};
	const uint64_t most = UINT64_C(30) * 86400000;
	unsigned long long n;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (errno != 0 || strcmp(end, units[i].name) != 0)
			continue;
		if (n > most / units[i].ms)
			return -EINVAL;
		*ret_ms = (uint32_t)n * units[i].ms;
		return 0;
	}
	return -EINVAL;
}

/* A number of at most max, in base, without signs or blanks. */
static int parse_number(uint32_t *ret, const char *text, int base, uint32_t max)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoul(text, &end, base);
	if (errno != 0 || *end != '\0' || n > max)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int set_string(char **ret, const char *value)
{
	free(*ret);
	*ret = strdup(value);
	if (*ret == NULL)
		return -ENOMEM;
	return value[0] == '\0' ? -EINVAL : 0;
}

static int set_size(struct options *o, const char *value)
{
	/* Beyond this no machine locks memory, and sums could overflow. */
	const uint64_t most = UINT64_C(1) << 40;
	int err = options_size(&o->size, value);

	return err == 0 && (o->size == 0 || o->size > most) ? -EINVAL : err;
}

static int set_nr_inodes(struct options *o, const char *value)
{
	/* What a table of nodes could still be indexed by in a snapshot. */
	const uint64_t most = UINT64_C(1) << 31;
	int err = options_size(&o->nr_inodes, value);

	return err == 0 && (o->nr_inodes == 0 || o->nr_inodes > most) ? -EINVAL
								      : err;
}

static int set_secretmem(struct options *o, const char *value)
{
	if (strcmp(value, "auto") == 0)
		o->secret = OPTIONS_SECRET;
	else if (strcmp(value, "off") == 0)
		o->secret = 0;
	else
		return options_size(&o->secret, value);
	return 0;
}

/* Who means never can say so. */
static int set_seal_ms(uint32_t *ret, const char *value)
{
	const uint32_t most = 86400000;
	int err = options_duration(ret, value);

	return err == 0 && *ret > most ? -EINVAL : err;
}

static int set_seal(struct options *o, const char *value)
{
	o->seal.off = strcmp(value, "off") == 0;
	o->seal.close = strcmp(value, "close") == 0;
	if (o->seal.off || o->seal.close)
		return 0;
	return set_seal_ms(&o->seal.quiet_ms, value);
}

static int set_seal_max(struct options *o, const char *value)
{
	return set_seal_ms(&o->seal.most_ms, value);
}

static int set_keep(struct options *o, const char *value)
{
	return parse_number(&o->keep, value, 10, 10000);
}

static int set_uid(struct options *o, const char *value)
{
	o->view.set_uid = true;
	return parse_number(&o->view.uid, value, 10, UINT32_MAX - 1);
}

static int set_gid(struct options *o, const char *value)
{
	o->view.set_gid = true;
	return parse_number(&o->view.gid, value, 10, UINT32_MAX - 1);
}

static int set_umask(struct options *o, const char *value)
{
	o->view.set_umask = true;
	return parse_number(&o->view.umask, value, 8, 0777);
}

static int set_passfile(struct options *o, const char *value)
{
	return set_string(&o->pass.file, value);
}

static int set_passcmd(struct options *o, const char *value)
{
	return set_string(&o->pass.command, value);
}

static int set_passfd(struct options *o, const char *value)
{
	uint32_t fd = 0;
	int err = parse_number(&fd, value, 10, INT32_MAX);

	o->pass.fd = (int)fd;
	return err;
}

/* A time after which it locks; none at all would be no use. */
static int set_lock_ms(uint32_t *ret, const char *value)
{
	int err = options_duration(ret, value);

	return err == 0 && *ret == 0 ? -EINVAL : err;
}

static int set_idle(struct options *o, const char *value)
{
	return set_lock_ms(&o->lock.idle_ms, value);
}

static int set_ttl(struct options *o, const char *value)
{
	return set_lock_ms(&o->lock.ttl_ms, value);
}

static int set_notify(struct options *o, const char *value)
{
	/* What a message to the keeper has room for. */
	return strlen(value) < PATH_MAX ? set_string(&o->lock.notify, value)
					: -EINVAL;
}

static int set_event(enum lock_event *ret, const char *value)
{
	if (strcmp(value, "lock") == 0)
		*ret = LOCK_THEN;
	else if (strcmp(value, "stay") == 0)
		*ret = LOCK_STAY;
	else
		return -EINVAL;
	return 0;
}

static int set_suspend(struct options *o, const char *value)
{
	return set_event(&o->lock.suspend, value);
}

static int set_session(struct options *o, const char *value)
{
	return set_event(&o->lock.session, value);
}

static int set_backend(struct options *o, const char *value)
{
	static const char *const names[] = {
		[BACKEND_AUTO] = "auto",
		[BACKEND_FUSE] = "fuse",
		[BACKEND_TMPFS] = "tmpfs",
		[BACKEND_RAMFS] = "ramfs",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		o->backend = (enum backend_kind)i;
		return 0;
	}
	return -EINVAL;
}

/* Options with a value. */
static const struct {
	const char *name;
	int (*set)(struct options *o, const char *value);
} valued[] = {
	{"size=", set_size},	     {"nr_inodes=", set_nr_inodes},
	{"keep=", set_keep},	     {"seal=", set_seal},
	{"seal_max=", set_seal_max}, {"uid=", set_uid},
	{"gid=", set_gid},	     {"umask=", set_umask},
	{"passfile=", set_passfile}, {"passcmd=", set_passcmd},
	{"passfd=", set_passfd},     {"secretmem=", set_secretmem},
	{"idle=", set_idle},	     {"ttl=", set_ttl},
	{"notify=", set_notify},     {"suspend=", set_suspend},
	{"session=", set_session},   {"backend=", set_backend},
};

/* Given to libfuse, which knows what the kernel and fusermount3 want. */
static const char *const passed_on[] = {
	"allow_other", "noexec", "sync", "dirsync", "noatime",
};

/*
 * What mount(8), fstab and mount.fuse3 add, which means nothing here or is
 * what we do anyhow.  dev and suid are dropped: the mount is nosuid,nodev.
 */
static const char *const dropped[] = {
	"rw",
	"defaults",
	"auto",
	"noauto",
	"user",
	"nouser",
	"users",
	"owner",
	"group",
	"_netdev",
	"nofail",
	"suid",
	"dev",
	"nosuid",
	"nodev",
	"async",
	"atime",
	"diratime",
	"nodiratime",
	"relatime",
	"norelatime",
	"strictatime",
	"lazytime",
	"nolazytime",
	"nostrictatime",
	"silent",
	"loud",
	"default_permissions",
};

static bool among(const char *word, const char *const list[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

static bool starts_with(const char *word, const char *prefix)
{
	return strncmp(word, prefix, strlen(prefix)) == 0;
}

/* FUSE runs programs unless it is told not to, and the others do not unless
 * they are. */
static bool take_pair(struct options *o, const char *word)
{
	if (strcmp(word, "exec") != 0 && strcmp(word, "noexec") != 0)
		return false;
	o->executable = strcmp(word, "exec") == 0;
	return o->executable;
}

static int pass_on(struct options *o, const char *word)
{
	if (strcmp(word, "allow_other") == 0)
		o->allow_other = true;
	return fuse_opt_add_opt(&o->fuse, word) == 0 ? 0 : -ENOMEM;
}

static int take_flag(struct options *o, const char *word)
{
	if (strcmp(word, "ro") == 0)
		o->read_only = true;
	else if (strcmp(word, "create") == 0)
		o->create = true;
	else if (strcmp(word, "nonempty") == 0)
		o->nonempty = true;
	else if (strcmp(word, "rollback") == 0)
		o->rollback = true;
	else if (strcmp(word, "inplace") == 0)
		o->in_place = true;
	else if (strcmp(word, "private") == 0)
		o->is_private = true;
	else if (strcmp(word, "lease") == 0)
		o->lock.lease = true;
	else if (strcmp(word, "nocache") == 0)
		o->no_cache = true;
	else if (strcmp(word, "writeback") == 0)
		o->writeback = true;
	else if (take_pair(o, word))
		return 0;
	else if (among(word, passed_on, sizeof(passed_on) / sizeof(char *)))
		return pass_on(o, word);
	else if (!among(word, dropped, sizeof(dropped) / sizeof(char *)) &&
		 !starts_with(word, "x-") && !starts_with(word, "X-") &&
		 !starts_with(word, "comment=") && !starts_with(word, "user="))
		return -ENOENT;
	/* The last one counts, as with mount(8). */
	if (strcmp(word, "rw") == 0)
		o->read_only = false;
	return 0;
}

static enum exit_code take(struct options *o, const char *word)
{
	int err;

	for (size_t i = 0; i < sizeof(valued) / sizeof(valued[0]); i++) {
		if (!starts_with(word, valued[i].name))
			continue;
		err = valued[i].set(o, word + strlen(valued[i].name));
		if (err == -ENOMEM)
			return msg_fail(EXIT_FAILED, "out of memory");
		if (err != 0)
			return msg_fail(EXIT_USAGE,
					"option '%s': not a valid value; see "
					"tazpodfs(8)",
					word);
		return EXIT_DONE;
	}
	if (strcmp(word, "remount") == 0)
		return msg_fail(EXIT_USAGE,
				"a mount cannot be changed; unmount it, and "
				"mount it again as you want it");
	err = take_flag(o, word);
	if (err == -ENOMEM)
		return msg_fail(EXIT_FAILED, "out of memory");
	if (err != 0)
		return msg_fail(EXIT_USAGE,
				"unknown option '%s'; see tazpodfs(8)", word);
	return EXIT_DONE;
}

enum exit_code options_parse(struct options *o, const char *list)
{
	enum exit_code code = EXIT_DONE;
	char *word = malloc(strlen(list) + 1), *to = word;

	if (word == NULL)
		return msg_fail(EXIT_FAILED, "out of memory");
	for (const char *p = list; code == EXIT_DONE; p++) {
		if (*p == '\\' && p[1] != '\0') {
			*to++ = *++p;
		} else if (*p != ',' && *p != '\0') {
			*to++ = *p;
		} else {
			*to = '\0';
			if (to != word)
				code = take(o, word);
			to = word;
			if (*p == '\0')
				break;
		}
	}
	free(word);
	if (code == EXIT_DONE && o->create && o->read_only)
		return msg_fail(EXIT_USAGE, "options 'create' and 'ro' exclude "
					    "each other");
	if (code == EXIT_DONE && o->no_cache && o->writeback)
		return msg_fail(EXIT_USAGE, "options 'nocache' and 'writeback' "
					    "exclude each other");
	return code;
}
