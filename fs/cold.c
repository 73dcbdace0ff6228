/* SPDX-License-Identifier: MIT */
#include "cold.h"

#include "crypto/mem.h"
#include "crypto/secret.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

enum { BATCH = 512 << 10 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* All of it under the lock. */
static struct {
	unsigned users;
	struct aead *seal, *open;
	uint64_t last_nonce;
	struct cold *newest, *oldest; /* of the hot pieces */
	struct cold_usage usage;
	bool pressed; /* something has gone cold since the start */
	/* The piece that was read in parts last: none, or that of the nonce. */
	uint8_t *part;
	size_t part_size;
	uint64_t part_nonce;
} all;

static struct {
	bool (*fn)(void *ctx);
	void *ctx;
} last_resort;

/* This thread has the lock: what it allocates now must not come back here. */
static _Thread_local bool inside;

static void enter(void)
{
	(void)pthread_mutex_lock(&lock);
	inside = true;
}

static void leave(void)
{
	inside = false;
	(void)pthread_mutex_unlock(&lock);
}

static void hot_add(struct cold *c)
{
	c->hot.newer = NULL;
	c->hot.older = all.newest;
	if (all.newest != NULL)
		all.newest->hot.newer = c;
	else
		all.oldest = c;
	all.newest = c;
	all.usage.hot += c->size;
}

static void hot_remove(struct cold *c)
{
	if (c->hot.newer != NULL)
		c->hot.newer->hot.older = c->hot.older;
	else
		all.newest = c->hot.older;
	if (c->hot.older != NULL)
		c->hot.older->hot.newer = c->hot.newer;
	else
		all.oldest = c->hot.newer;
	all.usage.hot -= c->size;
}

static int begin(struct aead *a, uint64_t number)
{
	uint8_t nonce[AEAD_NONCE_LEN] = {0};

	memcpy(nonce, &number, sizeof(number));
	return aead_again(a, nonce);
}

/*
 * Encrypt what c is to hold from data to its place in ordinary memory.  c may
 * be hot or nothing yet, and is cold then.  0, -ENOMEM or -EIO.
 */
static int encrypt(struct cold *c, const uint8_t *data)
{
	uint8_t *to = mem_alloc_in(MEM_PLAIN, c->size), tag[AEAD_TAG_LEN];
	int err = to != NULL ? begin(all.seal, ++all.last_nonce) : -ENOMEM;

	if (err == 0)
		err = aead_update(all.seal, to, data, c->size);
	if (err == 0)
		err = aead_seal_end(all.seal, tag);
	if (err != 0) {
		mem_free(to);
		return err;
	}
	c->data = to;
	c->nonce = all.last_nonce;
	memcpy(c->tag, tag, sizeof(tag));
	all.usage.cold += c->size;
	return 0;
}

/* Decrypt c, which is cold, to a place of c->size bytes.  0 or -EIO. */
static int decrypt(const struct cold *c, uint8_t *to)
{
	int err = begin(all.open, c->nonce);

	if (err == 0)
		err = aead_update(all.open, to, c->data, c->size);
	if (err == 0)
		err = aead_open_end(all.open, c->tag);
	if (err == 0)
		return 0;
	explicit_bzero(to, c->size);
	return -EIO;
}

/* Let the piece go cold that was held longest ago.  False: none can. */
static bool freeze_one(void)
{
	struct cold *c = all.oldest;
	uint8_t *data;

	while (c != NULL && c->holds > 0)
		c = c->hot.newer;
	if (c == NULL)
		return false;
	/* What links it among the hot is where the tag goes. */
	hot_remove(c);
	data = c->data;
	if (encrypt(c, data) != 0) {
		hot_add(c);
		return false;
	}
	mem_free(data);
	all.pressed = true;
	return true;
}

bool cold_relieve(void)
{
	size_t start = cold_usage().hot;
	size_t left = start / 2 > BATCH ? start / 2
		      : start > BATCH	? start - BATCH
					: 0;
	bool found = false, more = true;

	/* The lock is let go in between: a reader waits for one piece. */
	while (more) {
		enter();
		more = all.users > 0 && all.usage.hot > left && freeze_one();
		leave();
		found = found || more;
	}
	return found;
}

/* What mem_on_pressure() calls. */
static bool relieve(void *ctx)
{
	static _Thread_local uint64_t seen;
	uint64_t now;
	bool found;

	(void)ctx;
	if (inside)
		return false;
	found = cold_relieve() ||
		(last_resort.fn != NULL && last_resort.fn(last_resort.ctx));
	enter();
	now = all.last_nonce;
	leave();
	/* What others have encrypted meanwhile may have made room for us. */
	found = found || now != seen;
	seen = now;
	return found;
}

void cold_last_resort(bool (*fn)(void *ctx), void *ctx)
{
	last_resort.fn = fn;
	last_resort.ctx = ctx;
}

static void forget_all(void)
{
	aead_free(all.seal);
	aead_free(all.open);
	mem_free(all.part);
	all.seal = all.open = NULL;
	all.part = NULL;
	all.part_size = 0;
	all.part_nonce = 0;
	all.pressed = false;
}

/* The key itself is not needed any more once both have made theirs of it. */
static int prepare(void)
{
	const uint8_t unused[AEAD_NONCE_LEN] = {0};
	struct secret key = {0};
	int err = secret_random(&key, AEAD_KEY_LEN);
	const struct aead_start start = {.key = key.data, .nonce = unused};

	if (err == 0)
		err = aead_seal_begin(&all.seal, &start);
	if (err == 0)
		err = aead_open_begin(&all.open, &start);
	secret_free(&key);
	if (err == 0) {
		all.part = mem_alloc(COLD_PART);
		err = all.part != NULL ? 0 : -ENOMEM;
	}
	if (err != 0)
		forget_all();
	return err;
}

int cold_start(void)
{
	int err = 0;

	enter();
	if (all.users == 0)
		err = prepare();
	if (err == 0 && all.users++ == 0)
		mem_on_pressure(relieve, NULL);
	leave();
	return err;
}

void cold_stop(void)
{
	enter();
	if (--all.users == 0) {
		mem_on_pressure(NULL, NULL);
		forget_all();
	}
	leave();
}

int cold_new(struct cold *c, size_t size)
{
	uint8_t *data = mem_alloc_in(MEM_EXTENTS, size);

	if (data == NULL)
		return -ENOMEM;
	*c = (struct cold){.data = data, .size = (uint32_t)size, .holds = 1};
	enter();
	hot_add(c);
	leave();
	return 0;
}

int cold_put(struct cold *c, const uint8_t *data, size_t size)
{
	int err = 0;
	bool pressed;

	*c = (struct cold){.size = (uint32_t)size};
	enter();
	pressed = all.pressed;
	if (pressed)
		err = encrypt(c, data);
	leave();
	if (pressed)
		return err;
	c->data = mem_alloc(size);
	if (c->data == NULL)
		return -ENOMEM;
	memcpy(c->data, data, size);
	enter();
	hot_add(c);
	leave();
	return 0;
}

/* Is c, which is cold, what was read in parts?  Then wipe that. */
static void forget_part(const struct cold *c)
{
	if (all.part_nonce != c->nonce)
		return;
	explicit_bzero(all.part, all.part_size);
	all.part_size = 0;
	all.part_nonce = 0;
}

/* Make c hot, in a place that was allocated for it.  0 or -EIO. */
static int thaw(struct cold *c, uint8_t *data)
{
	int err = decrypt(c, data);

	if (err != 0)
		return err;
	forget_part(c);
	all.usage.cold -= c->size;
	mem_free(c->data);
	c->data = data;
	c->nonce = 0;
	hot_add(c);
	return 0;
}

int cold_hold(struct cold *c)
{
	uint8_t *data = NULL;
	bool cold;
	int err = 0;

	enter();
	cold = c->nonce != 0;
	c->holds++;
	if (!cold) {
		hot_remove(c);
		hot_add(c);
	}
	leave();
	if (!cold)
		return 0;
	/* Nobody but us makes it hot; so it waits for the memory. */
	data = mem_alloc_in(MEM_EXTENTS, c->size);
	enter();
	err = data != NULL ? thaw(c, data) : -ENOMEM;
	if (err != 0)
		c->holds--;
	leave();
	if (err != 0)
		mem_free(data);
	return err;
}

void cold_release(struct cold *c)
{
	enter();
	c->holds--;
	leave();
}

/* Have all of c, which is cold, in the place for parts.  0 or -EIO. */
static int fill_part(const struct cold *c)
{
	int err;

	if (all.part_nonce == c->nonce)
		return 0;
	if (all.part_size > c->size)
		explicit_bzero(all.part + c->size, all.part_size - c->size);
	err = decrypt(c, all.part);
	all.part_size = c->size;
	all.part_nonce = err == 0 ? c->nonce : 0;
	return err;
}

int cold_read(struct cold *c, size_t at, uint8_t *buf, size_t len)
{
	int err = 0;

	enter();
	if (c->nonce == 0) {
		memcpy(buf, c->data + at, len);
	} else if (len == c->size) {
		err = decrypt(c, buf);
	} else {
		err = fill_part(c);
		if (err == 0)
			memcpy(buf, all.part + at, len);
		else
			explicit_bzero(buf, len);
	}
	leave();
	return err;
}

void cold_free(struct cold *c)
{
	if (c->size == 0)
		return;
	enter();
	if (c->nonce == 0) {
		hot_remove(c);
	} else {
		forget_part(c);
		all.usage.cold -= c->size;
	}
	leave();
	mem_free(c->data);
	*c = (struct cold){0};
}

struct cold_usage cold_usage(void)
{
	struct cold_usage u;

	enter();
	u = all.usage;
	leave();
	return u;
}
