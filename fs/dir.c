/* SPDX-License-Identifier: MIT */
#include "dir.h"

#include "crypto/mem.h"

#include <errno.h>
#include <string.h>

/* FNV-1a: names come from the mount's owner, who gains nothing by collisions.
 */
static uint32_t hash_name(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h;
}

struct entry *dir_find(const struct dir *d, const char *name)
{
	uint32_t hash = hash_name(name);
	struct entry *e;

	if (d->bucket_count == 0)
		return NULL;
	e = d->buckets[hash & (d->bucket_count - 1)];
	while (e != NULL && (e->hash != hash || strcmp(e->name, name) != 0))
		e = e->chain;
	return e;
}

static int grow_buckets(struct dir *d)
{
	size_t count = d->bucket_count == 0 ? 8 : d->bucket_count * 2;
	struct entry **buckets = mem_alloc(count * sizeof(struct entry *));

	if (buckets == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < d->bucket_count; i++) {
		struct entry *e, *next;

		for (e = d->buckets[i]; e != NULL; e = next) {
			next = e->chain;
			e->chain = buckets[e->hash & (count - 1)];
			buckets[e->hash & (count - 1)] = e;
		}
	}
	mem_free(d->buckets);
	d->buckets = buckets;
	d->bucket_count = count;
	return 0;
}

/* Squeeze out removed places; their order, and so every cookie, stays. */
static void compact(struct dir *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->place_count; i++)
		if (d->places[i].entry != NULL)
			d->places[n++] = d->places[i];
	d->place_count = n;
}

static int grow_places(struct dir *d)
{
	size_t room = d->place_room == 0 ? 8 : d->place_room * 2;
	struct dir_place *places;

	places = mem_realloc(d->places, room * sizeof(*places));
	if (places == NULL)
		return -ENOMEM;
	d->places = places;
	d->place_room = room;
	return 0;
}

int dir_add(struct dir *d, const char *name, struct node *node)
{
	size_t size = strlen(name) + 1;
	struct entry *e, **bucket;

	if (d->count == d->bucket_count && grow_buckets(d) != 0)
		return -ENOMEM;
	if (d->place_count == d->place_room && grow_places(d) != 0)
		return -ENOMEM;
	e = mem_alloc(sizeof(*e) + size);
	if (e == NULL)
		return -ENOMEM;
	memcpy(e->name, name, size);
	e->node = node;
	e->hash = hash_name(name);
	if (d->last_cookie < DIR_FIRST)
		d->last_cookie = DIR_FIRST;
	e->cookie = ++d->last_cookie;
	bucket = &d->buckets[e->hash & (d->bucket_count - 1)];
	e->chain = *bucket;
	*bucket = e;
	d->places[d->place_count++] = (struct dir_place){e->cookie, e};
	d->count++;
	return 0;
}

/* The first place with a cookie above cookie. */
static size_t place_after(const struct dir *d, uint64_t cookie)
{
	size_t low = 0, high = d->place_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (d->places[mid].cookie <= cookie)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void dir_remove(struct dir *d, struct entry *e)
{
	struct entry **at = &d->buckets[e->hash & (d->bucket_count - 1)];

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	d->places[place_after(d, e->cookie - 1)].entry = NULL;
	d->count--;
	mem_free(e);
	if (d->place_count > 16 && d->count < d->place_count / 2)
		compact(d);
}

struct entry *dir_next(const struct dir *d, uint64_t cookie)
{
	size_t i = place_after(d, cookie);

	while (i < d->place_count && d->places[i].entry == NULL)
		i++;
	return i < d->place_count ? d->places[i].entry : NULL;
}

void dir_free(struct dir *d)
{
	for (size_t i = 0; i < d->place_count; i++)
		mem_free(d->places[i].entry);
	mem_free(d->buckets);
	mem_free(d->places);
	*d = (struct dir){0};
}
