/* SPDX-License-Identifier: MIT */
#include "passphrase.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Move the len bytes of s to *ret, if that is a length to have. */
static int hand_out(struct secret *ret, struct secret *s, size_t len)
{
	if (len > PASSPHRASE_MAX)
		return -EMSGSIZE;
	if (len == 0)
		return -ENODATA;
	s->len = len;
	*ret = *s;
	*s = (struct secret){0};
	return 0;
}

int passphrase_read(struct secret *ret, int fd)
{
	struct secret s = {0};
	size_t len = 0;
	ssize_t n;
	int err;

	/* Room for the longest, its newline, and one byte that is too much. */
	err = secret_alloc(&s, PASSPHRASE_MAX + 2);
	if (err != 0)
		return err;
	do {
		n = read(fd, s.data + len, s.len - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err = -errno;
			goto out;
		}
		len += (size_t)n;
	} while (n != 0 && len < s.len);
	if (len > 0 && s.data[len - 1] == '\n')
		s.data[--len] = 0;
	err = hand_out(ret, &s, len);
out:
	secret_free(&s);
	return err;
}

int passphrase_ask(struct secret *ret, const char *prompt)
{
	struct secret s = {0};
	size_t len;
	int err;

	err = secret_alloc(&s, PASSPHRASE_MAX + 2);
	if (err != 0)
		return err;
	errno = 0;
	if (readpassphrase(prompt, (char *)s.data, s.len, RPP_REQUIRE_TTY) ==
	    NULL) {
		err = errno == 0 || errno == ENXIO ? -ENOTTY : -errno;
		goto out;
	}
	len = strlen((char *)s.data);
	err = hand_out(ret, &s, len);
out:
	secret_free(&s);
	return err;
}
