/* SPDX-License-Identifier: MIT */
/* Folders as a disk may have kept them: the second half of disk.h. */
#include "disk_impl.h"
#include "tests/fs/common.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* What becomes of a change. */
enum fate {
	GONE,
	KEPT,
	ZEROS,	  /* the file has grown, but holds nothing */
	TORN_512, /* some of its sectors */
	TORN_4096,
	FATES,
};

static struct {
	size_t cut;
	enum fate *fate; /* of each change */
	uint64_t *seed;	 /* of the sectors that are kept */
	size_t room;
	struct names names;
} image;

static void make_room(void)
{
	if (image.room >= disk.count)
		return;
	image.room = disk.count;
	image.fate = reallocarray(image.fate, image.room, sizeof(*image.fate));
	image.seed = reallocarray(image.seed, image.room, sizeof(*image.seed));
	if (image.fate == NULL || image.seed == NULL)
		disk_no_model("out of memory");
}

/* Names and files that a change concerned which is not kept. */
struct lost {
	char names[2 * NAMES_MAX][NAME_LEN];
	int files[NAMES_MAX];
	size_t name_count, file_count;
};

static bool is_lost(const struct lost *l, const struct change *c)
{
	for (size_t i = 0; i < l->name_count; i++)
		if (strcmp(l->names[i], c->name) == 0 ||
		    strcmp(l->names[i], c->to) == 0)
			return true;
	for (size_t i = 0; i < l->file_count; i++)
		if (l->files[i] == c->file ||
		    (c->other_file >= 0 && l->files[i] == c->other_file))
			return true;
	return false;
}

static void lose(struct lost *l, const struct change *c)
{
	if (l->name_count + 2 > COUNT(l->names) ||
	    l->file_count + 1 > COUNT(l->files))
		disk_no_model("a folder that is never synced");
	if (c->name[0] != '\0')
		memcpy(l->names[l->name_count++], c->name, NAME_LEN);
	if (c->to[0] != '\0')
		memcpy(l->names[l->name_count++], c->to, NAME_LEN);
	l->files[l->file_count++] = c->file;
}

static bool is_sure(size_t i)
{
	return disk.changes[i].settled < image.cut;
}

/* Those that are not sure to be kept. */
static size_t open_names(void)
{
	size_t n = 0;

	for (size_t i = 0; i < image.cut; i++)
		n += disk.changes[i].kind <= CHANGE_UNLINK && !is_sure(i);
	return n;
}

static void choose_names(enum disk_some how, uint64_t *seed)
{
	size_t first = how == DISK_ORDER
			       ? next_random(seed) % (open_names() + 1)
		       : how == DISK_NONE ? 0
					  : SIZE_MAX;
	struct lost lost = {.name_count = 0};

	image.names = disk.before;
	for (size_t i = 0; i < image.cut; i++) {
		const struct change *c = &disk.changes[i];
		bool kept = true;

		if (c->kind > CHANGE_UNLINK)
			continue;
		if (!is_sure(i)) {
			kept = first > 0 && !is_lost(&lost, c) &&
			       (how != DISK_ANY || next_random(seed) % 2 == 0);
			first -= first > 0;
		}
		image.fate[i] = kept ? KEPT : GONE;
		if (kept)
			names_apply(&image.names, c);
		else
			lose(&lost, c);
	}
}

static bool has_name(int file)
{
	for (size_t i = 0; i < image.names.count; i++)
		if (image.names.list[i].file == file)
			return true;
	return false;
}

static enum fate fate_of_data(const struct change *c, enum disk_some how,
			      uint64_t *seed)
{
	if (how != DISK_ANY)
		return how == DISK_ALL ? KEPT : GONE;
	return c->kind == CHANGE_WRITE ? next_random(seed) % FATES
				       : next_random(seed) % 2;
}

static void mix(uint64_t *sum, uint64_t n)
{
	*sum = (*sum ^ n) * 0x9e3779b97f4a7c15;
	*sum ^= *sum >> 29;
}

static void mix_names(uint64_t *sum)
{
	for (size_t i = 0; i < image.names.count; i++) {
		const struct name *n = &image.names.list[i];
		uint64_t one = (uint64_t)n->file;

		for (const char *p = n->name; *p != '\0'; p++)
			mix(&one, (uint8_t)*p);
		/* In no order. */
		*sum += one;
	}
}

uint64_t disk_choose(size_t cut, const struct disk_choice *how, uint64_t *seed)
{
	const struct standing *st = disk_standing(cut);
	uint64_t sum = 0;

	make_room();
	image.cut = cut;
	choose_names(how->names, seed);
	mix_names(&sum);
	for (size_t i = 0; i < cut; i++) {
		const struct change *c = &disk.changes[i];

		if (c->kind < CHANGE_WRITE || c->kind > CHANGE_SIZE ||
		    !has_name(c->file))
			continue;
		image.fate[i] =
			is_sure(i) ? KEPT : fate_of_data(c, how->data, seed);
		image.seed[i] =
			image.fate[i] >= TORN_512 ? next_random(seed) : 0;
		mix(&sum, i * FATES + image.fate[i]);
		mix(&sum, image.seed[i]);
	}
	if (st != NULL)
		mix(&sum, ((uint64_t)st->place.low << 32) + st->place.high +
				  ((uint64_t)st->beside.low << 16));
	return sum;
}

/* Keep some sectors of what c writes, a file's end among them or not. */
static void tear(uint8_t *data, const struct change *c, size_t sector,
		 uint64_t seed)
{
	size_t at = c->off;

	while (at < c->off + c->len) {
		size_t end = (at / sector + 1) * sector;

		if (end > c->off + c->len)
			end = c->off + c->len;
		if (next_random(&seed) % 2 == 0)
			memcpy(data + at, c->data + (at - c->off), end - at);
		at = end;
	}
}

/* What a file holds.  The caller frees its data. */
static struct file contents(int id)
{
	struct file f = {NULL, disk.files[id].len};
	size_t most = f.len;

	for (size_t i = 0; i < image.cut; i++)
		if (disk.changes[i].file == id &&
		    disk.changes[i].off + disk.changes[i].len > most)
			most = disk.changes[i].off + disk.changes[i].len;
	f.data = calloc(most + 1, 1);
	if (f.data == NULL)
		disk_no_model("out of memory");
	if (f.len > 0)
		memcpy(f.data, disk.files[id].data, f.len);
	for (size_t i = 0; i < image.cut; i++) {
		const struct change *c = &disk.changes[i];
		const size_t end = c->off + c->len;

		if (c->kind < CHANGE_WRITE || c->kind > CHANGE_SIZE ||
		    c->file != id || image.fate[i] == GONE)
			continue;
		if (c->kind == CHANGE_SIZE && end < f.len)
			memset(f.data + end, 0, f.len - end);
		if (c->kind == CHANGE_SIZE || end > f.len)
			f.len = end;
		if (c->kind == CHANGE_WRITE && image.fate[i] == KEPT)
			memcpy(f.data + c->off, c->data, c->len);
		else if (c->kind == CHANGE_WRITE && image.fate[i] >= TORN_512)
			tear(f.data, c, image.fate[i] == TORN_512 ? 512 : 4096,
			     image.seed[i]);
	}
	return f;
}

static void path_in(char path[static PATH_MAX], const char *folder,
		    const char *name)
{
	(void)snprintf(path, PATH_MAX, "%s/%s", folder, name);
}

static void write_one(const char *folder, const struct name *n)
{
	char path[PATH_MAX];
	struct file f = contents(n->file);
	FILE *out;

	path_in(path, folder, n->name);
	out = fopen(path, "wbe");
	if (out == NULL || fwrite(f.data, 1, f.len, out) != f.len ||
	    fclose(out) != 0)
		disk_no_model(path);
	free(f.data);
}

void disk_write(const char *folder)
{
	char path[PATH_MAX], old[PATH_MAX];

	for (size_t i = 0; i < image.names.count; i++) {
		const struct name *n = &image.names.list[i];
		size_t j = 0;

		while (image.names.list[j].file != n->file)
			j++;
		if (i == j) {
			write_one(folder, n);
			continue;
		}
		path_in(old, folder, image.names.list[j].name);
		path_in(path, folder, n->name);
		if (link(old, path) != 0)
			disk_no_model(path);
	}
}

void disk_print(void)
{
	static const char *const kinds[] = {"create",
					    "link",
					    "rename",
					    "exchange",
					    "unlink",
					    "write",
					    "grow",
					    "size",
					    "fsync",
					    "fsync failed",
					    "fsync of the folder",
					    "mark"};
	static const char *const fates[] = {"gone", "kept", "zeros",
					    "torn by 512", "torn by 4096"};

	for (size_t i = image.cut > 40 ? image.cut - 40 : 0; i < image.cut;
	     i++) {
		const struct change *c = &disk.changes[i];

		(void)printf("# %5zu %s", i, kinds[c->kind]);
		if (c->kind <= CHANGE_UNLINK)
			(void)printf(" %s %s (%s)", c->name, c->to,
				     fates[image.fate[i]]);
		else if (c->kind <= CHANGE_SIZE)
			(void)printf(" of file %d: %zu at %zu (%s)", c->file,
				     c->len, c->off,
				     has_name(c->file) ? fates[image.fate[i]]
						       : "no name");
		else if (c->kind == CHANGE_MARK)
			(void)printf(": in place %u to %u",
				     c->standing.place.low,
				     c->standing.place.high);
		else
			(void)printf(" %d", c->file);
		(void)printf("\n");
	}
}
