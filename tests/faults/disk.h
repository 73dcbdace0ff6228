/* SPDX-License-Identifier: MIT */
#ifndef TZ_TESTS_FAULTS_DISK_H
#define TZ_TESTS_FAULTS_DISK_H

/*
 * What a disk may hold after a power cut.  disk.c records all that changes the
 * folder of io.h, and from that makes folders as the disk might have kept them
 * had the power gone after any of those changes.
 *
 * Of a file's contents, all is kept that was written before a call of fsync(2)
 * on it that succeeded.  Of what was written since, each write may be missing,
 * there, there in part (sectors of 512 or 4096 bytes, any of them), or have
 * made the file longer with zeros in it.  After an fsync that failed, what it
 * was to write is never sure to be kept, whatever a later one says: Linux
 * forgets it.
 *
 * Of names, all is kept that was done before an fsync of the folder.  An fsync
 * of a file keeps none, though it does on most filesystems.  Of what was done
 * to names since,
 *	- DISK_ORDER: so many of the first are kept, as on filesystems that
 *	  write one journal of metadata in order: ext4, XFS, Btrfs, F2FS in its
 *	  stricter modes.  Contents may still come later than names, as on XFS,
 *	  or on ext4 with data=writeback;
 *	- DISK_ANY: any are kept, but none whose name or file an earlier one
 *	  concerned that is not: as POSIX allows, which promises nothing, and as
 *	  a server or a filesystem without a journal may.
 * A rename is one change in both: the new name is the old file or the new one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	unsigned low, high; /* low above high: none */
};

/* What the vault's folder has to hold: versions, see scene.h. */
struct standing {
	struct range place;  /* the vault in its place */
	struct range beside; /* a copy beside it; low 0: none is needed */
	unsigned foreign;    /* this one in place will do, too; 0: none */
	bool may_be_gone;
};

/* Begin to record; io_start() was called. */
void disk_start(const char *folder);

/* Record no more, and let what was recorded be; marks are ignored then. */
void disk_stop(void);

/* From here on this has to be there. */
void disk_mark(const struct standing *st);

/* Are the file of that name and the name itself there to stay?  True if nothing
 * is recorded. */
bool disk_is_settled(const char *name);

/* How many changes were recorded: a cut comes after so many of them. */
size_t disk_length(void);

/* What has to be there after a cut. */
const struct standing *disk_standing(size_t cut);

enum disk_some { DISK_NONE, DISK_ALL, DISK_ORDER, DISK_ANY };

/* Of what is not sure to be kept, what is. */
struct disk_choice {
	enum disk_some data; /* DISK_ANY: at random, DISK_ORDER is not used */
	enum disk_some names;
};

/*
 * Choose what is kept after a cut; *seed goes on with it.  Returns a number
 * that differs for choices that differ in what is then on the disk.
 */
uint64_t disk_choose(size_t cut, const struct disk_choice *how, uint64_t *seed);

/* Make an empty folder hold what was chosen last. */
void disk_write(const char *folder);

/* Print what was recorded up to the last cut, and what of it was kept. */
void disk_print(void);

#endif
