/* SPDX-License-Identifier: MIT */
#ifndef TZ_SEEN_H
#define TZ_SEEN_H

/*
 * The highest generation of each vault that this user has seen, so that an
 * older one in its place is noticed.  Each vault of format 2 has a small text
 * file in the state folder (statedir.h), named after its id.  A vault of
 * format 1 has neither id nor generation: all of this then does nothing.
 */

#include "crypto/seal.h"
#include "tools/msg.h"

#include <stdbool.h>
#include <stdint.h>

/* What was seen. */
struct seen {
	uint64_t generation, time_ns; /* of the seal, since the Unix epoch */
};

/*
 * Read what such a file holds: two lines, and nothing before them.  False if
 * it is something else, or was cut off.
 */
bool seen_parse(struct seen *ret, const char *text);

/*
 * What is noted of the vault that p is an envelope of.  0; -ENOENT if nothing
 * is, or nothing that can be read; or the -errno of statedir_get() or open(2).
 */
int seen_get(struct seen *ret, const struct seal_params *p);

/*
 * Note p if it is newer than what is noted.  It takes no longer than the
 * folder's filesystem does; nothing is synced.  0, or the -errno of the step
 * that failed; then what was noted still is.
 */
int seen_note(const struct seal_params *p);

/* Note p even if it is older: somebody wants it so.  As seen_note(). */
int seen_accept(const struct seal_params *p);

/*
 * Is p at least as new as what is noted?  EXIT_DONE, also if nothing is; else
 * EXIT_CONFLICT, after it has been said what was seen and what to do.  path
 * is how the vault is called.
 */
enum exit_code seen_check(const struct seal_params *p, const char *path);

#endif
