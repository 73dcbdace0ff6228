/* SPDX-License-Identifier: MIT */
/*
 * Look for canaries in a file, byte by byte: search FILE <CANARIES, one a line.
 * Each is looked for as it is, in base64 at each of the three alignments, in
 * hex, lower and upper, and in UTF-16, both byte orders.  Prints what it finds
 * and where; exits with 1 if anything, with 2 if it cannot look.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST = 128 };

struct file {
	const uint8_t *data;
	size_t len;
};

static bool look(const struct file *f, const char *canary, const char *how,
		 const struct file *what)
{
	const uint8_t *at = memmem(f->data, f->len, what->data, what->len);

	if (at == NULL)
		return false;
	printf("%s: %s at %zu\n", canary, how, (size_t)(at - f->data));
	return true;
}

/*
 * Of base64 only the characters that follow from the canary alone: what comes
 * before and after it shares the first and the last of them.
 */
static bool look_base64(const struct file *f, const char *canary, size_t shift)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const size_t len = strlen(canary);
	char how[] = "base64 +0", text[2 * LONGEST];
	size_t n = 0;

	for (size_t bit = (6 - shift * 8 % 6) % 6; bit + 6 <= len * 8;
	     bit += 6) {
		const size_t i = bit / 8;
		const unsigned next =
			i + 1 < len ? (unsigned char)canary[i + 1] : 0;
		const unsigned two =
			(unsigned)(unsigned char)canary[i] << 8 | next;

		text[n++] = digits[two >> (10 - bit % 8) & 63];
	}
	how[sizeof(how) - 2] = (char)('0' + shift);
	return look(f, canary, how, &(struct file){(uint8_t *)text, n});
}

static bool look_hex(const struct file *f, const char *canary, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	const size_t len = strlen(canary);
	uint8_t text[2 * LONGEST];

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = (uint8_t)digits[(unsigned char)canary[i] >> 4];
		text[2 * i + 1] =
			(uint8_t)digits[(unsigned char)canary[i] & 15];
	}
	return look(f, canary, upper ? "hex upper" : "hex lower",
		    &(struct file){text, 2 * len});
}

static bool look_utf16(const struct file *f, const char *canary, bool big)
{
	const size_t len = strlen(canary);
	uint8_t text[2 * LONGEST] = {0};

	for (size_t i = 0; i < len; i++)
		text[2 * i + big] = (uint8_t)canary[i];
	return look(f, canary, big ? "UTF-16BE" : "UTF-16LE",
		    &(struct file){text, 2 * len});
}

static bool look_all(const struct file *f, const char *canary)
{
	bool found =
		look(f, canary, "raw",
		     &(struct file){(const uint8_t *)canary, strlen(canary)});

	for (size_t shift = 0; shift < 3; shift++)
		found |= look_base64(f, canary, shift);
	for (int i = 0; i < 2; i++) {
		found |= look_hex(f, canary, i == 1);
		found |= look_utf16(f, canary, i == 1);
	}
	return found;
}

int main(int argc, char *argv[])
{
	char canary[LONGEST + 2];
	struct file f = {0};
	bool found = false;
	struct stat st;
	void *map;
	int fd;

	if (argc != 2)
		return 2;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
		perror(argv[1]);
		return 2;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return 2;
	f = (struct file){map, (size_t)st.st_size};
	while (fgets(canary, sizeof(canary), stdin) != NULL) {
		canary[strcspn(canary, "\n")] = '\0';
		if (strlen(canary) < 16) /* it would be found by chance */
			return 2;
		found |= look_all(&f, canary);
	}
	return found ? 1 : 0;
}
