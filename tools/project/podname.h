/* SPDX-License-Identifier: MIT */
#ifndef TZ_PODNAME_H
#define TZ_PODNAME_H

/*
 * The name of a project's container: tazpod-FOLDER-NNNN.  It is one that
 * docker and podman take, and a host name as well.
 */

enum {
	PODNAME_MAX = 64, /* bytes, with the NUL: a host name's label has 63 */
	PODNAME_DIGITS = 10000,
};

/*
 * Write the name for folder, the last part of the project's path, and digits,
 * below PODNAME_DIGITS.  Of folder there stay lower case ASCII letters, digits
 * and '-': capitals become small, every run of other bytes one '-', and none
 * is left at either end.  It is cut to fit, and "project" if nothing is left.
 */
void podname_make(char ret[static PODNAME_MAX], const char *folder,
		  unsigned digits);

/*
 * Draw digits from the kernel's random source, each number below
 * PODNAME_DIGITS as likely as any other.  0, or the -errno of getrandom(2).
 */
int podname_digits(unsigned *ret);

#endif
