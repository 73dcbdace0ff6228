/* SPDX-License-Identifier: MIT */
#include "hold.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static bool is_stop(int sig)
{
	return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU ||
	       sig == SIGCONT;
}

/* Does sig neither end nor stop a process, or can or must it not wait? */
static bool is_exempt(int sig)
{
	switch (sig) {
	case SIGKILL:
	case SIGSTOP:
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGSEGV:
		return true;
	default:
		return false;
	}
}

int hold_start(struct hold *h, bool stops)
{
	struct sigaction act;
	int err;

	(void)sigemptyset(&h->held);
	(void)sigprocmask(SIG_BLOCK, NULL, &h->before);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		if (is_exempt(sig) || (is_stop(sig) && !stops) ||
		    sigismember(&h->before, sig) == 1)
			continue;
		/* A blocked signal comes even if it is ignored. */
		if (sigaction(sig, NULL, &act) == 0 &&
		    act.sa_handler != SIG_IGN)
			(void)sigaddset(&h->held, sig);
	}
	h->fd = signalfd(-1, &h->held, SFD_CLOEXEC | SFD_NONBLOCK);
	err = h->fd < 0 ? -errno : 0;
	if (err == 0)
		(void)sigprocmask(SIG_BLOCK, &h->held, NULL);
	return err;
}

int hold_take(struct hold *h)
{
	struct signalfd_siginfo info;

	if (read(h->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

int hold_act(int sig)
{
	const struct timespec now = {0, 0};
	sigset_t one;

	if (sig == SIGCONT)
		return 1;
	(void)sigemptyset(&one);
	(void)sigaddset(&one, sig);
	(void)kill(getpid(), sig);
	(void)sigprocmask(SIG_UNBLOCK, &one, NULL);
	(void)sigprocmask(SIG_BLOCK, &one, NULL);
	if (!is_stop(sig))
		return -EINTR;
	/* Who was stopped has a SIGCONT; it is no further news. */
	(void)sigemptyset(&one);
	(void)sigaddset(&one, SIGCONT);
	return sigtimedwait(&one, NULL, &now) == SIGCONT;
}

void hold_end(struct hold *h)
{
	(void)close(h->fd);
	(void)sigprocmask(SIG_SETMASK, &h->before, NULL);
}
