/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FAULTS_KDF_H
#define TZ_TESTS_FAULTS_KDF_H

#include "crypto/kdf.h"

#include <stdbool.h>

/*
 * Keys of this salt are to be the real ones, of one passphrase.  They are
 * derived once, for all processes that are started later.  0 or -1.
 */
int kdf_know(const uint8_t salt[static KDF_SALT_LEN]);

#endif
