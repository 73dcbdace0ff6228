/* SPDX-License-Identifier: MIT */
#ifndef TZ_RESCUE_H
#define TZ_RESCUE_H

/*
 * Where what a mount held is put, sealed, if it has to end and its vault cannot
 * be saved: beside the vault, as NAME.rescue-TIME, else in the state folder's
 * rescue/, as DIGEST-TIME, of the vault's path.
 */

#include "fs/saver.h"

#include <limits.h>
#include <stdbool.h>

/*
 * Seal all that s has into a rescue file for the vault at path vault, and
 * write that file's path into ret.  0, or the error of the last attempt.
 */
int rescue_save(char ret[static PATH_MAX], struct saver *s, const char *vault);

/*
 * Write into ret the path of the latest rescue file of the vault at path vault,
 * which is absolute and has no symbolic links in it.  False: there is none.
 */
bool rescue_find(char ret[static PATH_MAX], const char *vault);

#endif
