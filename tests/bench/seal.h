/* SPDX-License-Identifier: MIT */
#ifndef TZ_BENCH_SEAL_H
#define TZ_BENCH_SEAL_H

/* The parts of the benchmark of sealing, seal.c. */

#include "times.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PASSPHRASE "bench"

enum {
	CHANGE = 1024,
	PAGE = 4096,
	SMALL_MAX = 300, /* files */
	LARGE_MAX = 30,
};

/* What a vault holds: half of it like base64, half words. */
struct kind {
	const char *name;
	size_t content;
	unsigned small, large; /* files */
	size_t unit;	       /* the large ones are one to four of it */
};

enum { KIND_64K, KIND_1M, KIND_64M, KINDS };
extern const struct kind kinds[KINDS];

/* The folder that all is in, and what is mounted in it. */
struct place {
	const char *programs; /* folder */
	int folder;	      /* on the disk: the vault, passphrase, "mnt" */
	char *path;	      /* of that folder */
	const struct kind *kind;
	int top; /* of the mount; -1: none */
	pid_t daemon;
	struct {
		char name[32];
		size_t size;
	} small[SMALL_MAX], large[LARGE_MAX];
};

/* seal_vault.c: the vault and its daemon. */

/* Make a vault of kind, and leave it unmounted. */
void place_make(struct place *p, const struct kind *kind);

/* Mount it with these options besides.  Returns how long that took, in us. */
double place_mount(struct place *p, const char *options);

/* Lock it. */
void place_lock(struct place *p);

/* The same by `tazpod lock`.  Returns how long that took, in us. */
double place_lock_by_command(struct place *p);

/* Read every file to its end. */
void place_read(const struct place *p);

/* Bytes that the vault file has. */
size_t place_sealed(const struct place *p);

/* How often it has been sealed. */
uint64_t place_seals(const struct place *p);

/* What the daemon has used so far. */
struct usage {
	double cpu_us;
	uint64_t switches; /* of context, of all its threads */
};
struct usage place_usage(const struct place *p);

/* A field of the daemon's status in /proc, in KiB. */
uint64_t place_field(const struct place *p, const char *name);

/* len random letters. */
void letters(char *buf, size_t len);

/* Numbers that look random, the same in each run. */
uint32_t any(void);

/* seal_bound.c: the same by a plain program, in this process. */

/* Wall and CPU time of something, in us. */
struct spent {
	double wall, cpu;
};

/* CPU time of this process. */
double own_cpu_us(void);

/*
 * Encrypt len bytes, write them to a temporary file in p's folder and rename
 * it over the one before, durably.
 */
struct spent bound_seal(const struct place *p, size_t len);

/* Derive the key of p's vault, decrypt it and inflate what is in it. */
struct spent bound_open(const struct place *p);

/* Release what both keep between calls. */
void bound_free(void);

/* seal_during.c: latencies while a vault is sealed, in p, mounted. */
void during(const struct place *p, double budget_us);

/* seal_saves.c: durable saves a second by several writers. */
void saves(const struct place *p);

/* "reached" or "missed" */
const char *verdict(bool reached);

/* seal_lock.c: print how long a lock of a clean vault takes. */
void locks(struct place *p);

#endif
