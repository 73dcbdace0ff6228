/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FAULTS_VERSION_H
#define TZ_TESTS_FAULTS_VERSION_H

/* What a vault of a version holds, and vaults to begin with. */

#include "crypto/secret.h"
#include "scene.h"
#include "tests/fs/common.h"

enum {
	VERSION_FOREIGN = 1000, /* of another's vault */
	VERSION_RESTORED = 50,
	VERSION_LIMIT = 4 << 20, /* bytes of a vault's file */
};

/* Files of vaults to begin with; those but the last are of version 1. */
#define VAULT_SMALL    "small"
#define VAULT_BIG      "big" /* 600 KiB and more */
#define VAULT_FOREIGN  "foreign"
#define VAULT_RESTORED "restored"
#define VAULT_GO       "go" /* format 1; no version: 0 */

/* The bytes of one, or of the file at an absolute path.  The caller frees them.
 */
struct blob version_file(const char *name);

/* The path of name in the folder of the vault; good for eight calls. */
const char *version_path(const char *name);

/* What every vault here is opened with.  The caller frees it. */
struct secret version_passphrase(void);

struct tree *version_tree(void);

/* Make a tree of another version: files come, go, grow and shrink. */
void version_set(struct tree *t, unsigned version);

/* The version of a vault that is opened with all that belongs to it. */
unsigned version_of(const struct blob *sealed, const char *what);

#endif
