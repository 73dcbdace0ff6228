/* SPDX-License-Identifier: MIT */
#ifndef TZ_KEEPER_IMPL_H
#define TZ_KEEPER_IMPL_H

/* What the daemon and its keeper say to each other, a datagram each. */

#include "keeper.h"

#include <limits.h>
#include <sys/types.h>

enum keeper_word {
	KEEPER_WATCH,
	KEEPER_MOUNTED,
	KEEPER_GONE,
	KEEPER_UNMOUNT,
	KEEPER_RESTRICT,
	KEEPER_NOTIFY,
	KEEPER_LISTEN,
	KEEPER_STAYS
};

struct keeper_message {
	enum keeper_word word;
	int mount_id;			   /* KEEPER_MOUNTED */
	dev_t dev;			   /* KEEPER_MOUNTED */
	char vault[PATH_MAX];		   /* KEEPER_WATCH */
	char dir[PATH_MAX];		   /* KEEPER_WATCH, KEEPER_UNMOUNT */
	char command[PATH_MAX], text[256]; /* KEEPER_NOTIFY */
	enum lock_event suspend, session;  /* KEEPER_LISTEN */
	enum ramfiles_writers who;	   /* KEEPER_RESTRICT */
};

/* KEEPER_MOUNTED, _UNMOUNT and _RESTRICT are answered; events come unasked. */
struct keeper_answer {
	enum keeper_word word; /* that it answers, or KEEPER_LISTEN */
	int err;	       /* 0 or -errno */
	enum keeper_event event;
};

/* Be the keeper behind that socket, and exit. */
_Noreturn void keeper_run(int fd);

#endif
