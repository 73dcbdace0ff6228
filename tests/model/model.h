/* SPDX-License-Identifier: MIT */
#ifndef TZ_MODEL_H
#define TZ_MODEL_H

/*
 * The same random operations on two folders, everything seen compared.  An
 * operation is made of nothing but the seed and its number, so that any
 * selection of them can be played again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

enum {
	SLOTS = 8, /* open descriptors, and mappings, that are kept */
	MAPS = 3,
	MAP_LEN = 256 << 10,
	DATA_MAX = 512 << 10, /* the most an operation shows */
	PATH_ROOM = 1200,
	/* Operations between two looks at the whole tree, and in one epoch:
	 * then both sides go on in a new folder. */
	LOOK_EVERY = 500,
	EPOCH = 2500,
	WEIGHT_MAX = 100,
	NOT_FOLLOWED = 1 << 20, /* a flag: not what a link points to */
};

struct op {
	unsigned number;
	uint64_t seed; /* of the data */
	int kind;      /* index into op_kinds */
	uid_t user;
	mode_t umask;
	int fd, fd2, base, base2; /* slots; base -1: the top folder */
	int map;
	char path[PATH_ROOM], path2[PATH_ROOM];
	int flags;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	off_t off, off2;
	size_t len;
	struct timespec times[2];
	const char *xattr;
	bool exact; /* of an epoch in which holes are compared */
};

struct mapping {
	uint8_t *at;
	int fd;
	int protection;
	off_t off;
};

/* One of the two folders. */
struct side {
	int dir; /* the folder itself */
	int top; /* in it, the folder of this epoch */
	/* What tmpfs cannot do is put together from what it can. */
	bool reference;
	/* Two changes within a tick of the clock get the same time. */
	bool coarse;
	int fd[SLOTS];
	struct mapping map[MAPS];
	uint8_t *data; /* DATA_MAX bytes: what the operation has shown */
	size_t len;
};

/*
 * How an operation is called and shown.  The letters behind a % name what it
 * uses:
 *	b p  base and path	B P  the second ones	T  target of a link
 *	s S  slots	M  mapping	f  flags of open	x  other flags
 *	m  mode	u  owner	o O  offsets	n  length	t  times
 *	a  extended attribute
 */
struct op_kind {
	const char *show;
	unsigned weight; /* how often: at most WEIGHT_MAX */
	/* A result that is not negative, or -errno. */
	long (*run)(struct side *s, const struct op *o);
	const int *flags; /* to choose from; the last is -1 */
	bool folders;	  /* random names are mostly those of folders */
	bool relaxed;	  /* not where holes are compared */
};

extern const struct op_kind op_kinds[];
extern const unsigned op_kind_count;

/* gen.c */
uint64_t model_random(uint64_t *state);
void op_make(struct op *o, uint64_t seed, unsigned number);
bool epoch_is_exact(unsigned number);
void op_show(char *buf, size_t room, const struct op *o);
void op_fill(const struct op *o, uint8_t *buf, size_t len);
size_t op_xattr_value(const struct op *o, uint8_t *buf);

/* Where files may have data: model_windows[i] on, MAP_LEN bytes. */
extern const off_t model_windows[];
extern const unsigned model_window_count;

/* compare.c: a difference is described in what, and true returned. */
struct report {
	char *what;
	size_t room;
	bool holes; /* where they are, and the blocks that a file takes, too */
	bool blind; /* what is tested tells of no holes at all */
};
bool differs(const struct report *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool stat_differs(const struct report *r, const struct stat *a,
		  const struct stat *b, const char *name);

/* tree.c */
bool tree_differs(const struct report *r, const struct side *a,
		  const struct side *b);
void tree_remove(int dir, const char *name);

/* play.c */
struct game {
	struct side side[2]; /* the reference, and what is tested */
	uint64_t seed;
	bool writeback;
	int root;	 /* the process's own */
	char what[8192]; /* the last difference */
};

int game_open(struct game *g, const char *reference, const char *tested);
/* Leave both folders empty. */
void game_close(struct game *g);
/* A new pair of empty folders, and the end of the one before. */
void game_start(struct game *g);
/* Play an operation on both sides.  True: there is a difference. */
bool game_play(struct game *g, unsigned number);
/* Compare all there is after that operation. */
bool game_look(struct game *g, unsigned number);

#endif
