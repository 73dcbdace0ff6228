/* SPDX-License-Identifier: MIT */
#ifndef TZ_CRYPTO_H
#define TZ_CRYPTO_H

/*
 * Prepare this process for secrets: mem_harden(), then put all that libcrypto
 * allocates into the memory of keys, since key schedules and HMAC states are
 * keys.  To be called once, in the main thread, after the last fork and before
 * any use of libcrypto.
 *
 * Returns 0, or
 *	-ENOMEM	memory cannot be locked
 *	-EALREADY	libcrypto has allocated memory elsewhere already
 */
int crypto_start(void);

#endif
