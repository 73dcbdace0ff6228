/* SPDX-License-Identifier: MIT */
#ifndef TZ_RAMFILES_TAKE_H
#define TZ_RAMFILES_TAKE_H

/* One walk over the files (ramfiles_collect.c), and what is come upon. */

#include "ramfiles_impl.h"

struct collect {
	struct ramfiles *r;
	const struct ramfiles_walk *walk;
	struct tree *tree; /* that is being made */
	struct known_table known;
	uint64_t last;	/* number of a node of the old tree */
	uint8_t *found; /* a bit for each of them */
	uint64_t found_count;
	/* For each of them where it is known, or NULL: not needed so far. */
	const struct known **known_as;
	bool differs, is_unsettled;
	int failed;	 /* why something could not be taken: -errno; or 0 */
	bool has_missed; /* it was a folder, with whatever is in it */
};

/* One name that was come upon. */
struct find {
	int dir; /* descriptor of its folder */
	const char *name;
	struct node *parent;	  /* in the new tree */
	const struct node *as;	  /* what the old tree has there, or NULL */
	const struct node *was;	  /* the same file in the old tree, or NULL */
	const struct known *seen; /* ... and what is known of it */
	int watch;		  /* of its folder */
	struct stat st;
};

/*
 * Leave f, which is no folder, as the old tree has it, or out, until it can be
 * read.  0 or -errno.
 */
int ramfiles_put_off(struct collect *c, const struct find *f);

/*
 * Put f, which is no folder, into the new tree, as it is, or, if it cannot be
 * read whole, as it was.  0 or -errno.
 */
int ramfiles_take(struct collect *c, struct find *f);

/* A further name of something that has been come upon already, as k tells. */
int ramfiles_take_name(struct collect *c, const struct find *f,
		       struct known *k);

/*
 * The parts of that, for folders: start f's node in the new tree, a copy of
 * what it was, or an empty one, with target for a link; keep what is known of
 * it; take over its extended attributes, and then the others.  0 or -errno.
 */
int ramfiles_start_node(struct collect *c, const struct find *f,
			const char *target, struct node **ret);
int ramfiles_note(struct collect *c, const struct find *f,
		  const struct node *n);
int ramfiles_take_xattrs(struct collect *c, const struct find *f,
			 struct node *n);
int ramfiles_set_attributes(struct collect *c, const struct find *f,
			    struct node *n);

#endif
