/* SPDX-License-Identifier: MIT */
#include "passphrase.h"

#include "hold.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Room for the longest, its newline, and one byte that is too much. */
enum { ROOM = PASSPHRASE_MAX + 2 };

/*
 * Where it is read to: locked, but not secret, since some file systems read
 * straight into memory, which the kernel cannot with secret pages.
 */
static int buffer_alloc(struct secret *ret)
{
	uint8_t *data = mem_alloc_in(MEM_BOUNCE, ROOM);

	if (data == NULL)
		return -ENOMEM;
	*ret = (struct secret){data, ROOM};
	return 0;
}

/* The first len bytes of s as a secret, if that is a length to have. */
static int hand_out(struct secret *ret, const struct secret *s, size_t len)
{
	int err;

	if (len > PASSPHRASE_MAX)
		return -EMSGSIZE;
	if (len == 0)
		return -ENODATA;
	err = secret_alloc(ret, len);
	if (err == 0)
		memcpy(ret->data, s->data, len);
	return err;
}

/* Wait until fd can be read; -EINTR if stop can. */
static int await(int fd, int stop)
{
	struct pollfd p[] = {{.fd = fd, .events = POLLIN},
			     {.fd = stop, .events = POLLIN}};

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return p[1].revents != 0 ? -EINTR : 0;
}

/* Read until the end, or until s is full. */
static int read_all(struct secret *s, size_t *len, int fd, int stop)
{
	ssize_t n;
	int err = 0;

	do {
		if (stop >= 0)
			err = await(fd, stop);
		if (err != 0)
			return err;
		n = read(fd, s->data + *len, s->len - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		*len += (size_t)n;
	} while (n != 0 && *len < s->len);
	return 0;
}

int passphrase_read_until(struct secret *ret, int fd, int stop)
{
	struct secret s = {0};
	size_t len = 0;
	int err = buffer_alloc(&s);

	if (err == 0)
		err = read_all(&s, &len, fd, stop);
	if (err == 0) {
		if (len > 0 && s.data[len - 1] == '\n')
			s.data[--len] = 0;
		err = hand_out(ret, &s, len);
	}
	secret_free(&s);
	return err;
}

int passphrase_read(struct secret *ret, int fd)
{
	return passphrase_read_until(ret, fd, -1);
}

struct terminal {
	int fd; /* never waits, neither to read nor to write */
	bool is_quiet;
	struct termios before, quiet;
	struct hold hold;
};

/* Make it quiet.  0, -errno, or SIGTTOU: that is for those in front to do. */
static int silence(struct terminal *t)
{
	pid_t front = tcgetpgrp(t->fd);

	if (front >= 0 && front != getpgrp())
		return SIGTTOU;
	if (!t->is_quiet && tcgetattr(t->fd, &t->before) != 0)
		return -errno;
	t->quiet = t->before;
	t->quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	t->quiet.c_lflag |= ICANON | ISIG;
	t->quiet.c_iflag &= ~(tcflag_t)(IGNCR | INLCR);
	t->quiet.c_iflag |= ICRNL;
	/* TCSAFLUSH would wait for a terminal that shows nothing (^S). */
	if (tcsetattr(t->fd, TCSANOW, &t->quiet) != 0)
		return -errno;
	t->is_quiet = true;
	(void)tcflush(t->fd, TCIFLUSH);
	return 0;
}

/* Undo silence(), unless somebody else, such as a shell, has done so. */
static void restore(struct terminal *t)
{
	struct termios now;

	if (!t->is_quiet)
		return;
	t->is_quiet = false;
	if (tcgetattr(t->fd, &now) != 0 || now.c_lflag != t->quiet.c_lflag)
		return;
	(void)tcflush(t->fd, TCIFLUSH);
	(void)tcsetattr(t->fd, TCSANOW, &t->before);
}

/* Read a line.  0, -errno, or the signal that came first. */
static int read_line(struct terminal *t, struct secret *s, size_t *len)
{
	ssize_t n;
	int err;

	*len = 0;
	while (*len < s->len) {
		err = await(t->fd, t->hold.fd);
		if (err == -EINTR)
			return hold_take(&t->hold);
		if (err != 0)
			return err;
		n = read(t->fd, s->data + *len, s->len - *len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		*len += (size_t)n;
		if (s->data[*len - 1] == '\n') {
			s->data[--*len] = 0;
			return n - 1 > PASSPHRASE_LINE_MAX ? -EMSGSIZE : 0;
		}
		/* A line that was cut may end with ^D as well. */
		if (n > PASSPHRASE_LINE_MAX)
			return -EMSGSIZE;
	}
	return -EMSGSIZE;
}

static int ask_once(struct terminal *t, const char *prompt, struct secret *s,
		    size_t *len)
{
	/* One that came while it was stopped. */
	int err = hold_take(&t->hold);

	if (err == 0)
		err = silence(t);
	if (err != 0)
		return err;
	/* A prompt that cannot be shown now is missing, no more. */
	(void)!write(t->fd, prompt, strlen(prompt));
	err = read_line(t, s, len);
	(void)!write(t->fd, "\n", 1);
	return err;
}

/* Ask until there is an answer.  0 or -errno. */
static int ask_and_obey(struct terminal *t, const char *prompt,
			struct secret *s, size_t *len)
{
	int sig, acted;

	while ((sig = ask_once(t, prompt, s, len)) > 0) {
		memset(s->data, 0, s->len);
		/* Continued after a SIGSTOP, it has not been restored. */
		if (sig != SIGCONT)
			restore(t);
		/* Whoever waits for us has to stop with us. */
		if (sig == SIGTTOU)
			(void)kill(0, sig);
		acted = hold_act(sig);
		if (acted < 0)
			return acted;
		/* Behind others, and nobody there to bring us to the front. */
		if (acted == 0 && sig == SIGTTOU)
			return -EIO;
	}
	return sig;
}

int passphrase_ask(struct secret *ret, const char *prompt)
{
	struct terminal t = {0};
	struct secret s = {0};
	size_t len = 0;
	int err;

	t.fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (t.fd < 0)
		return errno == ENXIO || errno == ENOENT ? -ENOTTY : -errno;
	err = buffer_alloc(&s);
	if (err == 0)
		err = hold_start(&t.hold, true);
	if (err == 0) {
		err = ask_and_obey(&t, prompt, &s, &len);
		restore(&t);
		hold_end(&t.hold);
	}
	if (err == 0)
		err = hand_out(ret, &s, len);
	secret_free(&s);
	(void)close(t.fd);
	return err;
}
