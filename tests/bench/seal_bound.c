/* SPDX-License-Identifier: MIT */
/*
 * What the work of a vault costs at least: a plain program that knows the
 * format (docs/FORMAT.md) and none of the project's code.
 */
#include "seal.h"

#include <endian.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	HEADER = 128,
	NONCE_AT = 64,
	SALT_AT = 32,
	TAG = 16,
	WINDOW = 256 << 10
};

/* Two buffers that have been touched; they grow. */
static struct {
	uint8_t *in, *out;
	size_t room;
} buffers;

static void make_room(size_t len)
{
	if (len <= buffers.room)
		return;
	bound_free();
	buffers.room = len + len / 8 + TAG;
	buffers.in = malloc(buffers.room);
	buffers.out = malloc(buffers.room);
	must(buffers.in != NULL && buffers.out != NULL, "memory");
	memset(buffers.in, 'x', buffers.room);
	memset(buffers.out, 'x', buffers.room);
}

void bound_free(void)
{
	free(buffers.in);
	free(buffers.out);
	buffers.in = buffers.out = NULL;
	buffers.room = 0;
}

double own_cpu_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct spent spent_now(void)
{
	return (struct spent){now_us(), own_cpu_us()};
}

static struct spent since(const struct spent *start)
{
	struct spent now = spent_now();

	return (struct spent){now.wall - start->wall, now.cpu - start->cpu};
}

/* GCM over len bytes of buffers.in; true: the tag is right, or has been put. */
static bool gcm(const uint8_t *key, const uint8_t *nonce, size_t len,
		uint8_t tag[static TAG], const uint8_t *aad)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool seal = aad == NULL, done;
	int n;

	done = ctx != NULL &&
	       EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce,
				 seal) == 1 &&
	       (seal || EVP_CipherUpdate(ctx, NULL, &n, aad, HEADER) == 1) &&
	       EVP_CipherUpdate(ctx, buffers.out, &n, buffers.in, (int)len) ==
		       1 &&
	       (seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG,
					    tag) == 1) &&
	       EVP_CipherFinal_ex(ctx, buffers.out + len, &n) == 1 &&
	       (!seal ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1);
	EVP_CIPHER_CTX_free(ctx);
	return done;
}

struct spent bound_seal(const struct place *p, size_t len)
{
	static uint8_t key[32], nonce[12];
	struct spent start;
	size_t body = len - TAG, at = 0;
	int fd;

	make_room(len);
	start = spent_now();
	nonce[0]++;
	must(gcm(key, nonce, body, buffers.out + body, NULL), "encrypting");
	fd = openat(p->folder, ".bound.new",
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	must(fd >= 0, ".bound.new");
	while (at < len) {
		ssize_t n = write(fd, buffers.out + at, len - at);

		must(n > 0, ".bound.new");
		at += (size_t)n;
	}
	must(fsync(fd) == 0 && close(fd) == 0, ".bound.new");
	must(renameat(p->folder, ".bound.new", p->folder, "bound") == 0,
	     "bound");
	must(fsync(p->folder) == 0, p->path);
	return since(&start);
}

static void derive(uint8_t key[static 32], const uint8_t *header)
{
	static const uint8_t info[] = "tazpod vault 2 encryption\1";
	uint32_t rounds;
	uint8_t master[32];

	memcpy(&rounds, header + 16, sizeof(rounds));
	must(PKCS5_PBKDF2_HMAC(PASSPHRASE, -1, header + SALT_AT, 32,
			       (int)le32toh(rounds), EVP_sha256(),
			       sizeof(master), master) == 1 &&
		     HMAC(EVP_sha256(), master, sizeof(master), info,
			  sizeof(info) - 1, key, NULL) != NULL,
	     "the key");
}

/* Inflate len bytes of buffers.out and throw away what comes. */
static size_t inflate(size_t len)
{
	static struct inflate_state z;
	static uint8_t window[WINDOW];
	size_t total = 0;

	isal_inflate_init(&z);
	z.crc_flag = ISAL_GZIP;
	z.next_in = buffers.out;
	z.avail_in = (uint32_t)len;
	do {
		z.next_out = window;
		z.avail_out = WINDOW;
		must(isal_inflate(&z) == ISAL_DECOMP_OK, "inflating");
		total += WINDOW - z.avail_out;
	} while (z.block_state != ISAL_BLOCK_FINISH && z.avail_out < WINDOW);
	must(z.block_state == ISAL_BLOCK_FINISH, "inflating");
	return total;
}

struct spent bound_open(const struct place *p)
{
	uint8_t header[HEADER], tag[TAG], key[32];
	size_t len = place_sealed(p), body = len - HEADER - TAG;
	int fd = openat(p->folder, "vault", O_RDONLY | O_CLOEXEC);
	struct spent start;

	must(fd >= 0, "vault");
	make_room(len);
	must(read(fd, header, HEADER) == HEADER &&
		     read(fd, buffers.in, body) == (ssize_t)body &&
		     read(fd, tag, TAG) == TAG,
	     "vault");
	(void)close(fd);
	start = spent_now();
	derive(key, header);
	must(gcm(key, header + NONCE_AT, body, tag, header), "decrypting");
	must(inflate(body) > p->kind->content, "what is in the vault");
	return since(&start);
}
