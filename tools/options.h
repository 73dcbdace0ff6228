/* SPDX-License-Identifier: MIT */
#ifndef TZ_OPTIONS_H
#define TZ_OPTIONS_H

/* The options of a mount, "-o ro,size=8M,...", as tazpodfs(8) lists them. */

#include "fs/backend.h"
#include "msg.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	OPTIONS_SIZE = 64 << 20,   /* bytes, the default of size= */
	OPTIONS_SECRET = 16 << 20, /* ... of secretmem=: a tree of some 8 MiB,
				      its names, and what a seal of it takes */
};

/* How the vault is shown. */
enum backend_kind {
	BACKEND_AUTO, /* the best that can be had here (rung.h) */
	BACKEND_FUSE,
	BACKEND_TMPFS,
	BACKEND_RAMFS
};

/* Where a passphrase comes from.  Without any, the terminal. */
struct pass_source {
	char *file;    /* passfile= */
	char *command; /* passcmd= */
	int fd;	       /* passfd=, or -1 */
};

/* When changes are sealed without being asked for. */
struct seal_options {
	bool off;   /* seal=off: never */
	bool close; /* seal=close: also before close(2) returns */
	uint32_t quiet_ms, most_ms;
};

/* What an event outside of the vault does to it. */
enum lock_event {
	LOCK_AS_STARTED, /* lock, if it was unlocked in a login session */
	LOCK_THEN,
	LOCK_STAY
};

/* When a vault locks itself.  0: never. */
struct lock_options {
	uint32_t idle_ms, ttl_ms;
	bool lease;   /* when the last lease ends */
	char *notify; /* command that is told a minute before, or NULL */
	enum lock_event suspend, session;
};

struct options {
	enum backend_kind backend;
	bool read_only, create, nonempty;
	bool is_private; /* nobody outside of this mount namespace sees it */
	bool allow_other, executable; /* of files in memory (ramfiles.h) */
	bool in_place;		  /* overwrite the vault, do not replace it */
	bool rollback;		  /* take an older vault than was seen */
	bool no_cache, writeback; /* see struct mount_options */
	uint64_t size;		  /* bytes */
	uint64_t nr_inodes;	  /* 0: as size has it */
	uint64_t secret;	  /* secretmem=: bytes, mem_secret_limit() */
	struct seal_options seal;
	uint32_t keep; /* older vaults beside the vault */
	struct lock_options lock;
	struct pass_source pass;
	struct backend_view view;
	char *fuse; /* what libfuse and the kernel get, "a,b" */
};

/* Set o to the defaults.  The caller frees it in the end. */
void options_init(struct options *o);

/*
 * Take in one list as -o has it; "\," is a comma within a value.  What is
 * wrong is said.  EXIT_DONE or EXIT_USAGE, or EXIT_FAILED without memory.
 */
enum exit_code options_parse(struct options *o, const char *list);

void options_free(struct options *o);

/*
 * A time such as 200ms, 1s, 5m, 2h or 3d into milliseconds; a number alone
 * means seconds.  At most 30 days.  0 or -EINVAL.
 */
int options_duration(uint32_t *ret_ms, const char *text);

/* A size such as 8192, 512k, 64M or 1g into bytes.  0 or -EINVAL. */
int options_size(uint64_t *ret, const char *text);

#endif
