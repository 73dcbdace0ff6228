/* SPDX-License-Identifier: MIT */
#ifndef TZ_PROTECT_H
#define TZ_PROTECT_H

/* A build that is to show what the protection does has none of it. */
#ifdef TZ_UNPROTECTED
enum { PROTECT = 0 };
#else
enum { PROTECT = 1 };
#endif

#endif
