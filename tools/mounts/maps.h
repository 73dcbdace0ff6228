/* SPDX-License-Identifier: MIT */
#ifndef TZ_MAPS_H
#define TZ_MAPS_H

/*
 * What files a process has mapped, from its table of mappings
 * (proc_pid_maps(5)).
 */

#include <stdbool.h>
#include <sys/types.h>

/* A mapping of a file. */
struct mapping {
	dev_t dev;	  /* of the file's filesystem */
	const char *path; /* "" if the line has none */
};

/*
 * Take apart a line without its newline; ret->path points into it.  False: it
 * is of no file, or no such line at all.
 */
bool maps_parse(struct mapping *ret, const char *line);

/*
 * Call each, with ctx, for every mapping of a file in the table that fd is
 * open on; the path is each's for the time of the call.  Of a line that is
 * longer than any path, the beginning is taken.  0, or the -errno of read(2):
 * the process may have gone.
 */
int maps_each(int fd, void (*each)(void *ctx, const struct mapping *m),
	      void *ctx);

#endif
