/* SPDX-License-Identifier: MIT */
#include "segments.h"

#include "cold.h"
#include "crypto/digest.h"
#include "crypto/mem.h"
#include "pack.h"
#include "tar.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

enum {
	LEAST = 64 << 10, /* bytes of archive in a segment */
	MOST = 256 << 10,
	BUCKETS = 1024,
	/* What does not compress takes a little more than it is. */
	SCRATCH = MOST + (80 << 10),
};

/* A segment, by the digest of its outline (tar_outline_step()). */
struct segment {
	struct segment *next; /* in its bucket */
	uint8_t key[DIGEST_LEN];
	struct packed what;
	uint64_t round; /* of the last write that it was part of */
	bool in_use;	/* being written */
	struct cold bytes;
};

struct segments {
	pthread_mutex_t lock;
	uint64_t round, good_round; /* the last one, and that succeeded */
	struct segment *buckets[BUCKETS];
};

/* One write under way. */
struct writing {
	struct segments *kept;
	struct tar_dumper *dumper;
	struct digest *digest;
	struct packer *packer;
	struct sink to;
	/* What the packer writes is collected here, too; NULL: no memory. */
	uint8_t *scratch;
	size_t filled;
	bool collects;
};

int segments_new(struct segments **ret)
{
	struct segments *k = mem_alloc(sizeof(*k));

	if (k == NULL)
		return -ENOMEM;
	(void)pthread_mutex_init(&k->lock, NULL);
	*ret = k;
	return 0;
}

static struct segment **bucket_of(struct segments *k, const uint8_t *key)
{
	return &k->buckets[(key[0] | (size_t)key[1] << 8) % BUCKETS];
}

/* The segment of that key, in use then, or NULL. */
static struct segment *take(struct segments *k, const uint8_t *key)
{
	struct segment *g;

	(void)pthread_mutex_lock(&k->lock);
	g = *bucket_of(k, key);
	while (g != NULL && memcmp(g->key, key, DIGEST_LEN) != 0)
		g = g->next;
	if (g != NULL) {
		g->in_use = true;
		g->round = k->round;
	}
	(void)pthread_mutex_unlock(&k->lock);
	return g;
}

static void put_back(struct segments *k, struct segment *g)
{
	(void)pthread_mutex_lock(&k->lock);
	g->in_use = false;
	(void)pthread_mutex_unlock(&k->lock);
}

static void insert(struct segments *k, struct segment *g)
{
	struct segment **at = bucket_of(k, g->key);

	(void)pthread_mutex_lock(&k->lock);
	g->round = k->round;
	g->next = *at;
	*at = g;
	(void)pthread_mutex_unlock(&k->lock);
}

/* Is g of no use for the next write? */
static bool is_stale(const struct segments *k, const struct segment *g)
{
	return g->round != k->round && g->round != k->good_round;
}

static void segment_free(struct segment *g)
{
	cold_free(&g->bytes);
	mem_free(g);
}

/* Free those of a bucket that are not in use, or of them the stale ones. */
static bool sweep_bucket(struct segments *k, struct segment **at, bool stale)
{
	bool found = false;

	while (*at != NULL) {
		struct segment *g = *at;

		if (g->in_use || (stale && !is_stale(k, g))) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		segment_free(g);
		found = true;
	}
	return found;
}

static bool sweep(struct segments *k, bool stale)
{
	bool found = false;

	(void)pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		if (sweep_bucket(k, &k->buckets[i], stale))
			found = true;
	(void)pthread_mutex_unlock(&k->lock);
	return found;
}

bool segments_drop(struct segments *k)
{
	return sweep(k, false);
}

/* The packer's sink. */
static int collect(void *ctx, const uint8_t *buf, size_t len)
{
	struct writing *w = ctx;

	if (w->collects && len <= SCRATCH - w->filled) {
		memcpy(w->scratch + w->filled, buf, len);
		w->filled += len;
	} else {
		w->collects = false;
	}
	return w->to.write(w->to.ctx, buf, len);
}

/* Keep what was collected, if there is memory for it. */
static int keep(struct writing *w, const uint8_t *key,
		const struct packed *what)
{
	struct segment *g;
	int err = packer_check(what, w->scratch, w->filled);

	if (err != 0)
		return err == -ENOMEM ? 0 : err;
	g = mem_alloc(sizeof(*g));
	if (g == NULL)
		return 0;
	if (cold_put(&g->bytes, w->scratch, w->filled) != 0) {
		mem_free(g);
		return 0;
	}
	memcpy(g->key, key, DIGEST_LEN);
	g->what = *what;
	insert(w->kept, g);
	return 0;
}

/* Find where the segment that begins at from ends, and what key it has. */
static int outline(struct writing *w, struct tar_place *at,
		   uint8_t key[static DIGEST_LEN])
{
	const struct sink to = digest_sink(w->digest);
	struct tar_step step;
	uint64_t bytes = 0;
	int err = 0;

	do {
		err = tar_outline_step(w->dumper, at, to, &step);
		bytes += step.bytes;
	} while (err == 0 && !at->is_ended &&
		 (bytes < LEAST || (bytes < MOST && step.name % 2 != 0)));
	return err == 0 ? digest_end(w->digest, key) : err;
}

static bool is_same(const struct tar_place *a, const struct tar_place *b)
{
	return a->entry == b->entry && a->is_begun == b->is_begun &&
	       a->off == b->off && a->is_ended == b->is_ended;
}

/* Compress what lies between two places. */
static int compress(struct writing *w, struct tar_place from,
		    const struct tar_place *to, const uint8_t *key)
{
	const struct sink packer = packer_sink(w->packer);
	struct packed what;
	struct tar_step step;
	enum mem_pool before;
	int err = 0;

	w->filled = 0;
	w->collects = w->scratch != NULL;
	while (err == 0 && !is_same(&from, to))
		err = tar_dump_step(w->dumper, &from, packer, &step);
	if (err == 0)
		err = packer_cut(w->packer, &what);
	if (err != 0 || !w->collects)
		return err;
	/* The reserve is for what a seal cannot do without. */
	before = mem_use(MEM_CACHE);
	err = keep(w, key, &what);
	(void)mem_use(before);
	return err;
}

static int write_segment(struct writing *w, struct tar_place *at)
{
	const struct tar_place from = *at;
	uint8_t key[DIGEST_LEN];
	struct segment *g;
	int err = outline(w, at, key);

	if (err != 0)
		return err;
	g = w->scratch != NULL ? take(w->kept, key) : NULL;
	if (g == NULL)
		return compress(w, from, at, key);
	w->collects = false;
	err = cold_read(&g->bytes, 0, w->scratch, g->bytes.size);
	if (err != 0) {
		/* Somebody has written to our memory; the tree has it all. */
		put_back(w->kept, g);
		return compress(w, from, at, key);
	}
	err = packer_put(w->packer, &g->what, w->scratch, g->bytes.size);
	put_back(w->kept, g);
	return err;
}

int segments_write(struct segments *k, const struct snapshot *s, struct sink to)
{
	struct writing w = {.kept = k, .to = to};
	struct tar_place at = {0};
	enum mem_pool before = mem_use(MEM_CACHE);
	int err;

	w.scratch = mem_alloc(SCRATCH);
	(void)mem_use(before);
	k->round++;
	err = packer_new(&w.packer, (struct sink){collect, &w});
	if (err == 0)
		err = tar_dumper_new(&w.dumper, s);
	if (err == 0)
		err = digest_new(&w.digest);
	while (err == 0 && !at.is_ended)
		err = write_segment(&w, &at);
	w.collects = false;
	if (err == 0)
		err = packer_finish(w.packer);
	if (err == 0)
		k->good_round = k->round;
	(void)sweep(k, true);
	digest_free(w.digest);
	tar_dumper_free(w.dumper);
	packer_free(w.packer);
	mem_free(w.scratch);
	return err;
}

void segments_free(struct segments *k)
{
	if (k == NULL)
		return;
	(void)sweep(k, false);
	(void)pthread_mutex_destroy(&k->lock);
	mem_free(k);
}
