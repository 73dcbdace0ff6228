/* SPDX-License-Identifier: MIT */
#include "evict.h"

#include "fs/clock.h"
#include "tools/mounts/holders.h"
#include "tools/msg.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	ROUNDS = 2,
	TERM_MS = 5000, /* to write what is to be sealed */
	KILL_MS = 2000,
};

/* Those that are to end, in the order of the list. */
struct eviction {
	const struct holders *holders;
	struct pollfd
		*waiting; /* fd negative: not for that one, not any more */
	size_t left;
	bool quiet;
};

static bool send_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ||
	       errno == ESRCH;
}

static void start(struct eviction *e)
{
	struct pollfd *p = e->waiting;

	for (const struct holder *h = e->holders->first; h != NULL;
	     h = h->next, p++) {
		*p = (struct pollfd){.fd = -1, .events = POLLIN};
		if (h->is_spared || !send_signal(h->pidfd, SIGTERM))
			continue;
		/* One that is stopped would not hear of it. */
		(void)send_signal(h->pidfd, SIGCONT);
		p->fd = h->pidfd;
		e->left++;
	}
}

static void forget_ended(struct eviction *e)
{
	struct pollfd *p = e->waiting;

	for (const struct holder *h = e->holders->first; h != NULL;
	     h = h->next, p++) {
		if (p->fd < 0 || p->revents == 0)
			continue;
		p->fd = -1;
		e->left--;
		if (!e->quiet)
			msg_say("ended %s (pid %d)", h->name, h->pid);
	}
}

/* At most so long, until all have ended. */
static void await_ends(struct eviction *e, int ms)
{
	const int64_t until = clock_ms(CLOCK_MONOTONIC) + ms;
	int64_t left = ms;

	while (e->left > 0 && left > 0) {
		if (poll(e->waiting, e->holders->count, (int)left) > 0)
			forget_ended(e);
		left = until - clock_ms(CLOCK_MONOTONIC);
	}
}

/* 0 or -ENOMEM. */
static int end_all(const struct holders *holders, bool quiet)
{
	struct eviction e = {.holders = holders, .quiet = quiet};

	if (holders->count == 0)
		return 0;
	e.waiting = calloc(holders->count, sizeof(*e.waiting));
	if (e.waiting == NULL)
		return -ENOMEM;
	start(&e);
	await_ends(&e, TERM_MS);
	for (size_t i = 0; i < holders->count; i++)
		if (e.waiting[i].fd >= 0)
			(void)send_signal(e.waiting[i].fd, SIGKILL);
	await_ends(&e, KILL_MS);
	free(e.waiting);
	return 0;
}

int evict_holders(dev_t dev, pid_t daemon, bool quiet)
{
	struct holders holders = {0};
	int err = 0;

	for (int round = 0; err == 0 && round < ROUNDS; round++) {
		err = holders_find(&holders, dev, daemon);
		if (err == 0)
			err = end_all(&holders, quiet);
		holders_free(&holders);
	}
	return err;
}
