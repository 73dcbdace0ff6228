/* SPDX-License-Identifier: MIT */
#include "disk_impl.h"
#include "io.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS = 1024 };

struct disk disk;
static int fd_file[FDS];

_Noreturn void disk_no_model(const char *what)
{
	(void)printf("# %s: this has no model\n", what);
	(void)fflush(stdout);
	abort();
}

static void *grown(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count, size);
	if (p == NULL)
		disk_no_model("out of memory");
	return p;
}

int names_find(const struct names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->list[i].name, name) == 0)
			return n->list[i].file;
	return NO_FILE;
}

void names_set(struct names *n, const char *name, int file)
{
	size_t i = 0;

	while (i < n->count && strcmp(n->list[i].name, name) != 0)
		i++;
	if (file == NO_FILE) {
		if (i < n->count)
			n->list[i] = n->list[--n->count];
		return;
	}
	if (i == NAMES_MAX)
		disk_no_model("more names");
	if (i == n->count)
		n->count++;
	(void)snprintf(n->list[i].name, NAME_LEN, "%s", name);
	n->list[i].file = file;
}

void names_apply(struct names *n, const struct change *c)
{
	switch (c->kind) {
	case CHANGE_CREATE:
		names_set(n, c->name, c->file);
		break;
	case CHANGE_LINK:
		names_set(n, c->to, c->file);
		break;
	case CHANGE_RENAME:
		names_set(n, c->name, NO_FILE);
		names_set(n, c->to, c->file);
		break;
	case CHANGE_EXCHANGE:
		names_set(n, c->name, c->other_file);
		names_set(n, c->to, c->file);
		break;
	default:
		names_set(n, c->name, NO_FILE);
		break;
	}
}

static int new_file(void)
{
	disk.files = grown(disk.files, (size_t)disk.file_count + 1,
			   sizeof(*disk.files));
	disk.files[disk.file_count] = (struct file){0};
	return disk.file_count++;
}

static struct change *add(enum change_kind kind, int file)
{
	struct change *c;

	if (disk.count == disk.room) {
		disk.room = disk.room * 2 + 256;
		disk.changes =
			grown(disk.changes, disk.room, sizeof(*disk.changes));
	}
	c = &disk.changes[disk.count++];
	*c = (struct change){.kind = kind,
			     .file = file,
			     .other_file = NO_FILE,
			     .settled = NEVER_YET};
	return c;
}

/* The last component: the folder has no others. */
static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	path = slash != NULL ? slash + 1 : path;
	if (strlen(path) >= NAME_LEN)
		disk_no_model(path);
	return path;
}

static void add_names(enum change_kind kind, int file, const char *name,
		      const char *to)
{
	struct change *c = add(kind, file);

	if (name != NULL)
		(void)snprintf(c->name, NAME_LEN, "%s", base(name));
	if (to != NULL)
		(void)snprintf(c->to, NAME_LEN, "%s", base(to));
	if (kind == CHANGE_EXCHANGE)
		c->other_file = names_find(&disk.now, c->to);
	names_apply(&disk.now, c);
}

static int file_of_fd(int fd)
{
	return fd >= 0 && fd < FDS ? fd_file[fd] : NO_FILE;
}

/* The file that a call opens, which may be a new one. */
static int opened_file(const struct io_call *c)
{
	struct stat st;
	int file;

	if (c->path == NULL)
		return file_of_fd(c->fd);
	/* Not fstat(), which would be counted. */
	if (syscall(SYS_fstat, (int)c->result, &st) != 0)
		disk_no_model("a descriptor without attributes");
	if (S_ISDIR(st.st_mode))
		return FOLDER;
	if ((c->flags & O_APPEND) != 0)
		disk_no_model("O_APPEND");
	if ((c->flags & O_TMPFILE) == O_TMPFILE)
		return new_file();
	file = names_find(&disk.now, base(c->path));
	if (file == NO_FILE) {
		file = new_file();
		add_names(CHANGE_CREATE, file, c->path, NULL);
	} else if ((c->flags & O_TRUNC) != 0) {
		add(CHANGE_SIZE, file)->len = 0;
	}
	return file;
}

static void add_write(const struct io_call *c)
{
	struct change *w = add(CHANGE_WRITE, file_of_fd(c->fd));

	w->off = (size_t)c->off;
	w->len = (size_t)c->result;
	w->data = grown(NULL, w->len + 1, 1);
	memcpy(w->data, c->data, w->len);
}

static bool is_of_names(const struct change *c)
{
	return c->kind <= CHANGE_UNLINK;
}

static bool is_of(const struct change *c, int file)
{
	if (is_of_names(c))
		return file == FOLDER;
	return c->kind <= CHANGE_SIZE && c->file == file;
}

/* A call of fsync(2) on file, or on FOLDER. */
static void add_sync(int file, bool done)
{
	const size_t at = disk.count;

	/* A journal that could not be written is tried again, or the
	 * filesystem goes read-only. */
	if (!done && file == FOLDER)
		return;
	if (file == FOLDER)
		(void)add(CHANGE_SYNC_FOLDER, FOLDER);
	else
		(void)add(done ? CHANGE_SYNC : CHANGE_SYNC_FAILED, file);
	for (size_t i = 0; i < at; i++)
		if (is_of(&disk.changes[i], file) &&
		    disk.changes[i].settled == NEVER_YET)
			disk.changes[i].settled = done ? at : NEVER;
}

static void add_sync_of_all(bool done)
{
	for (int i = 0; i < disk.file_count; i++)
		add_sync(i, done);
	add_sync(FOLDER, done);
}

static void add_link(const struct io_call *c)
{
	int fd = c->fd, file;

	if ((c->flags & AT_EMPTY_PATH) != 0 && c->path[0] == '\0')
		file = file_of_fd(fd);
	else if (sscanf(c->path, "/proc/self/fd/%d", &fd) == 1)
		file = file_of_fd(fd);
	else
		file = names_find(&disk.now, base(c->path));
	if (file < 0)
		disk_no_model("a link to something unknown");
	add_names(CHANGE_LINK, file, NULL, c->other);
}

static void add_rename(const struct io_call *c)
{
	const int file = names_find(&disk.now, base(c->path));

	/* Of two names of one file, both stay. */
	if (file == names_find(&disk.now, base(c->other)))
		return;
	if (file < 0 || (c->flags & RENAME_WHITEOUT) != 0)
		disk_no_model("a rename of something unknown");
	add_names((c->flags & RENAME_EXCHANGE) != 0 ? CHANGE_EXCHANGE
						    : CHANGE_RENAME,
		  file, c->path, c->other);
}

static void record(const struct io_call *c)
{
	const bool done = c->result >= 0;

	switch (c->what) {
	case IO_OPEN:
		if (c->result < FDS)
			fd_file[c->result] = opened_file(c);
		break;
	case IO_CLOSE:
		if (c->fd < FDS)
			fd_file[c->fd] = NO_FILE;
		break;
	case IO_WRITE:
		add_write(c);
		break;
	case IO_GROW:
		add(CHANGE_GROW, file_of_fd(c->fd))->len =
			(size_t)c->off + c->len;
		break;
	case IO_SIZE:
		add(CHANGE_SIZE, file_of_fd(c->fd))->len = c->len;
		break;
	case IO_SYNC:
		add_sync(file_of_fd(c->fd), done);
		break;
	case IO_SYNC_ALL:
		add_sync_of_all(done);
		break;
	case IO_LINK:
		add_link(c);
		break;
	case IO_RENAME:
		add_rename(c);
		break;
	case IO_UNLINK:
		add_names(CHANGE_UNLINK, names_find(&disk.now, base(c->path)),
			  c->path, NULL);
		break;
	default:
		disk_no_model(c->name);
	}
}

/* What is there at the start is there to stay. */
static void add_file(const char *folder, const char *name)
{
	char path[PATH_MAX + NAME_MAX + 2];
	int file = new_file();
	struct stat st;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rbe");
	if (f == NULL || fstat(fileno(f), &st) != 0)
		disk_no_model(path);
	disk.files[file].len = (size_t)st.st_size;
	disk.files[file].data = grown(NULL, (size_t)st.st_size + 1, 1);
	if (fread(disk.files[file].data, 1, (size_t)st.st_size, f) !=
	    (size_t)st.st_size)
		disk_no_model(path);
	(void)fclose(f);
	names_set(&disk.before, name, file);
}

void disk_start(const char *folder)
{
	enum io_mode mode = io_mode(IO_OFF);
	DIR *d = opendir(folder);
	const struct dirent *e;

	memset(&disk, 0, sizeof(disk));
	for (int i = 0; i < FDS; i++)
		fd_file[i] = NO_FILE;
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			add_file(folder, e->d_name);
	if (d != NULL)
		(void)closedir(d);
	disk.now = disk.before;
	disk.recording = true;
	io_watch(record);
	(void)io_mode(mode);
}

void disk_stop(void)
{
	disk.recording = false;
	io_watch(NULL);
}

void disk_mark(const struct standing *st)
{
	if (disk.recording)
		add(CHANGE_MARK, NO_FILE)->standing = *st;
}

bool disk_is_settled(const char *name)
{
	const int file = names_find(&disk.now, name);
	bool settled = true;

	if (!disk.recording)
		return true;
	for (size_t i = 0; i < disk.count; i++) {
		const struct change *c = &disk.changes[i];
		bool concerns = is_of_names(c)
					? strcmp(c->name, name) == 0 ||
						  strcmp(c->to, name) == 0
					: is_of(c, file);

		if (concerns && c->settled >= NEVER)
			settled = false;
	}
	return settled;
}

size_t disk_length(void)
{
	return disk.count;
}

const struct standing *disk_standing(size_t cut)
{
	while (cut > 0)
		if (disk.changes[--cut].kind == CHANGE_MARK)
			return &disk.changes[cut].standing;
	return NULL;
}
