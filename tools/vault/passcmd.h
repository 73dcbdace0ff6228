/* SPDX-License-Identifier: MIT */
#ifndef TZ_PASSCMD_H
#define TZ_PASSCMD_H

/* A passphrase that a command prints. */

#include "crypto/secret.h"
#include "tools/msg.h"

/*
 * Run command by /bin/sh and take what it prints, straight into locked memory.
 * It has our standard input and error, and no other descriptor of ours.  A
 * signal that ends us meanwhile ends it, too.  The caller frees *ret.  What
 * goes wrong is said: EXIT_FAILED or EXIT_MEMORY.
 */
enum exit_code passcmd_get(struct secret *ret, const char *command);

#endif
