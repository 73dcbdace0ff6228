/* SPDX-License-Identifier: MIT */
#include "facts.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { KIB = 1 << 10 };

/* How a member of struct machine is to be read. */
enum type { TRIED, FLAG, BYTES };

/* What is shown as it is. */
static const struct fact {
	const char *key, *title;
	enum type type;
	size_t at; /* in struct machine */
} facts[] = {
#define FACT(key, title, type, member)                                         \
	{                                                                      \
		key, title, type, offsetof(struct machine, member)             \
	}
	FACT("container", "container", FLAG, is_container),
	FACT("pid_1", "process 1", FLAG, is_first),
	FACT("first_userns", "first user namespace", FLAG, is_initial),
	FACT("sys_admin", "right to mount", FLAG, has_admin),
	FACT("no_new_privs", "no new privileges", FLAG, no_new_privs),
	FACT("dev_fuse", "/dev/fuse opens", TRIED, err_device),
	FACT("fuse", "FUSE mounts", TRIED, err_fuse),
	FACT("fusermount3", "fusermount3", TRIED, err_fusermount),
	FACT("user_allow_other", "allow_other for users", FLAG, allow_other),
	FACT("allow_sys_admin_access", "FUSE lets admins in", FLAG,
	     admin_access),
	FACT("tmpfs_noswap", "tmpfs without swap", TRIED, err_noswap),
	FACT("tmpfs", "tmpfs", TRIED, err_tmpfs),
	FACT("ramfs", "ramfs", TRIED, err_ramfs),
	FACT("userns", "user namespaces", TRIED, err_userns),
	FACT("userns_fuse", "... with FUSE", TRIED, err_userns_fuse),
	FACT("userns_tmpfs", "... with tmpfs", TRIED, err_userns_tmpfs),
	FACT("userns_ramfs", "... with ramfs", TRIED, err_userns_ramfs),
	FACT("memlock", "memory limit", BYTES, memlock),
	FACT("memlock_max", "... at most", BYTES, memlock_max),
	FACT("ipc_lock", "... not for us", FLAG, has_ipc_lock),
	FACT("lockable", "memory that locks", BYTES, lockable),
	FACT("memfd_secret", "secret memory", TRIED, err_secret),
	FACT("swap", "swap", FLAG, swap_on),
	FACT("zswap", "zswap", FLAG, zswap_on),
	FACT("hibernation", "hibernation", FLAG, can_hibernate),
	FACT("seccomp", "seccomp", TRIED, err_seccomp),
	FACT("filtered", "... filters us", FLAG, is_filtered),
#undef FACT
};
enum { FACTS = sizeof(facts) / sizeof(facts[0]) };

static const void *at(const struct machine *m, const struct fact *f)
{
	return (const char *)m + f->at;
}

static int tried(const struct machine *m, const struct fact *f)
{
	return *(const int *)at(m, f);
}

static bool flag(const struct machine *m, const struct fact *f)
{
	return *(const bool *)at(m, f);
}

static uint64_t bytes(const struct machine *m, const struct fact *f)
{
	return *(const uint64_t *)at(m, f);
}

static void print_bytes(FILE *out, uint64_t n)
{
	if (n == UINT64_MAX)
		(void)fprintf(out, "none\n");
	else
		(void)fprintf(out, "%" PRIu64 " KiB%s\n", n / KIB,
			      n == MACHINE_LOCK_MAX ? " or more" : "");
}

static void print_fact(FILE *out, const struct machine *m, const struct fact *f)
{
	(void)fprintf(out, "%-22s ", f->title);
	if (f->type == BYTES)
		print_bytes(out, bytes(m, f));
	else if (f->type == FLAG)
		(void)fprintf(out, "%s\n", flag(m, f) ? "yes" : "no");
	else if (tried(m, f) == 0)
		(void)fprintf(out, "yes\n");
	else
		(void)fprintf(out, "no: %s\n", strerror(-tried(m, f)));
}

void facts_print(FILE *out, const struct machine *m)
{
	(void)fprintf(out, "%-22s Linux %s\n", "kernel", m->release);
	for (size_t i = 0; i < FACTS; i++)
		print_fact(out, m, &facts[i]);
	if (m->landlock > 0)
		(void)fprintf(out, "%-22s yes, ABI %d\n", "landlock",
			      m->landlock);
	else
		(void)fprintf(out, "%-22s no\n", "landlock");
}

static json_t *json_bytes(uint64_t n)
{
	return json_integer(n == UINT64_MAX ? -1 : (json_int_t)n);
}

json_t *facts_json(const struct machine *m)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "kernel", json_string(m->release));
	for (size_t i = 0; i < FACTS; i++) {
		const struct fact *f = &facts[i];

		(void)json_object_set_new(
			o, f->key,
			f->type == FLAG	   ? json_boolean(flag(m, f))
			: f->type == BYTES ? json_bytes(bytes(m, f))
					   : json_integer(-tried(m, f)));
	}
	(void)json_object_set_new(o, "landlock", json_integer(m->landlock));
	return o;
}
