/* SPDX-License-Identifier: MIT */
#include "caps.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The number of the first user namespace's file (linux/proc_ns.h). */
#define FIRST_USERNS 0xEFFFFFFDU

int caps_keep(const unsigned list[], size_t count)
{
	enum { KEPT_MAX = 16 };
	bool has[KEPT_MAX] = {false};
	bool may_bound;

	if (count > KEPT_MAX || capng_get_caps_process() != 0)
		return -EPERM;
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
	for (size_t i = 0; i < count; i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, list[i]) != 0;
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < count; i++)
		if (has[i])
			(void)capng_update(CAPNG_ADD,
					   CAPNG_EFFECTIVE | CAPNG_PERMITTED,
					   list[i]);
	/* The bounding set first: it takes a right that goes with the rest. */
	if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) != 0)
		return -EPERM;
	return capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) == 0
		       ? 0
		       : -EPERM;
}

static uint64_t bit(unsigned cap)
{
	return UINT64_C(1) << cap;
}

uint64_t caps_effective(void)
{
	uint64_t set = 0;

	if (capng_get_caps_process() == 0)
		for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
			if (capng_have_capability(CAPNG_EFFECTIVE, c) != 0)
				set |= bit(c);
	return set;
}

int caps_limit(uint64_t set)
{
	const uint64_t keep = caps_effective() & set;

	for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
		if ((set & bit(c)) == 0 &&
		    prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0)
			return -EPERM;
	capng_clear(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
	for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
		if ((keep & bit(c)) != 0)
			(void)capng_update(CAPNG_ADD,
					   CAPNG_EFFECTIVE | CAPNG_PERMITTED,
					   c);
	return capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) == 0
		       ? 0
		       : -EPERM;
}

int caps_hand_on(const unsigned list[], size_t count)
{
	if (capng_get_caps_process() != 0)
		return -EPERM;
	for (size_t i = 0; i < count; i++)
		(void)capng_update(CAPNG_ADD, CAPNG_INHERITABLE | CAPNG_AMBIENT,
				   list[i]);
	/* What is not inheritable cannot be ambient. */
	return capng_apply(CAPNG_SELECT_CAPS) == 0 &&
			       capng_apply(CAPNG_SELECT_AMBIENT) == 0
		       ? 0
		       : -EPERM;
}

bool caps_have(unsigned cap)
{
	return capng_get_caps_process() == 0 &&
	       capng_have_capability(CAPNG_EFFECTIVE, cap) != 0;
}

char *caps_names(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	const char *comma = "";

	if (out == NULL)
		return NULL;
	if (capng_get_caps_process() == 0)
		for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
			if (capng_have_capability(CAPNG_EFFECTIVE, c)) {
				const char *name = capng_capability_to_name(c);

				(void)fprintf(out, "%s%s", comma,
					      name != NULL ? name : "unknown");
				comma = ",";
			}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

bool caps_are_global(void)
{
	struct stat st;

	if (stat("/proc/self/ns/user", &st) == 0)
		return st.st_ino == FIRST_USERNS;
	/* A kernel without such namespaces has no such file. */
	return access("/proc/self", F_OK) == 0;
}
