/* SPDX-License-Identifier: MIT */
/* How long `tazpod lock` takes when there is nothing to save. */
#include "seal.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { ROUNDS = 9, BEYOND_US = 50000 };

/* Wipe and give back so many bytes of locked memory.  In us. */
static double wipe(size_t len)
{
	uint8_t *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	double start;

	must(p != MAP_FAILED && mlock(p, len) == 0, "locked memory");
	memset(p, 1, len);
	start = now_us();
	explicit_bzero(p, len);
	(void)munmap(p, len);
	return now_us() - start;
}

static void time_locks(struct place *p, bool is_read)
{
	double lock[ROUNDS], wiping[ROUNDS];
	struct times locked, wiped;

	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t len;

		(void)place_mount(p, "");
		if (is_read)
			place_read(p);
		len = place_field(p, "VmLck:") * 1024;
		lock[i] = place_lock_by_command(p);
		wiping[i] = wipe(len);
		/* What the kernel has cached is overwritten, too. */
		if (is_read)
			wiping[i] += wipe(p->kind->content);
	}
	locked = times_of(lock, ROUNDS);
	wiped = times_of(wiping, ROUNDS);
	(void)printf("  %-28s %6.1f ms, wiping alone %6.1f ms (medians); reach "
		     "that and 50 ms: %s\n",
		     is_read ? "after all of it was read" : "as it was mounted",
		     locked.median / 1e3, wiped.median / 1e3,
		     verdict(locked.median <= wiped.median + BEYOND_US));
}

void locks(struct place *p)
{
	(void)printf("\n`tazpod lock` of a clean vault of 64 MiB\n");
	time_locks(p, false);
	time_locks(p, true);
}
