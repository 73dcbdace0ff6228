/* SPDX-License-Identifier: MIT */
#ifndef TZ_STORE_H
#define TZ_STORE_H

/*
 * Sealed bytes in one file, replaced atomically: a temporary file in the same
 * folder, fsync, rename, fsync of the folder.  Whatever fails, the file is
 * the old one or the new one.  It never sees plaintext.  A file that cannot be
 * renamed over can be overwritten in place, behind a journal (inplace.h).
 *
 * One writer at a time: an open-file-description lock on a side file,
 * .NAME.lock, since a lock on the file itself is lost with the first rename. It
 * lasts as long as the process, or its children that share the descriptor.
 * The file itself is locked as well, against a writer who sees it elsewhere,
 * and not the side file.
 */

#include "crypto/blob.h"
#include "crypto/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/*
 * Open the file at path to read and replace it.  A symbolic link is followed
 * here, once.  The caller closes *ret.
 *
 * Returns 0, or
 *	-EAGAIN	another process has it open for writing
 *	-EROFS	it can be read, but not replaced: its folder cannot be written
 *	-EBUSY	the same, since it is itself a mount point
 *	-EISDIR	a folder; -ENOTSUP: something else that is no regular file
 *	or the -errno of open(2)
 */
int store_open(struct store **ret, const char *path);

/* The same for reading alone: nothing is locked, nothing can be saved. */
int store_open_readonly(struct store **ret, const char *path);

/*
 * The same for a file that is to be overwritten, not replaced, and of which no
 * older ones are kept (history.h).  Only that file is locked: what is beside it
 * may be out of reach.  -EROFS if it cannot be written, -ESTALE if its name is
 * gone, or another file's now.
 */
int store_open_in_place(struct store **ret, const char *path);

/*
 * As store_open(), for a file that must not exist yet: -EEXIST, which
 * store_commit() says as well if it exists by then.
 */
int store_create(struct store **ret, const char *path);

/* The same without a lock, for a file whose name nobody else knows. */
int store_create_aside(struct store **ret, const char *path);

/*
 * The same in the folder of s, without looking for that folder anew: the file
 * is called as that of s, with suffix.
 */
int store_create_near(struct store **ret, const struct store *s,
		      const char *suffix);

/*
 * Finish what an interrupted save left in a file that is overwritten in place,
 * once what store_load() gave was found to be a vault.  0, also for any other
 * store, or the errors of inplace_repair().
 */
int store_repair(struct store *s);

/*
 * Read the whole file.  The caller frees *ret.  0, -EFBIG beyond limit bytes,
 * -ENOMEM, or the -errno of read(2).
 */
int store_load(struct blob *ret, struct store *s, uint64_t limit);

/*
 * Begin to write what is to replace the file.  What an earlier one left
 * unfinished is dropped.  0, -ENOMEM, -EROFS if s is for reading alone, or the
 * -errno of the step that failed.
 */
int store_begin(struct store *s);

/* Takes what store_begin() has begun.  Its errors are those of write(2). */
struct sink store_sink(struct store *s);

/*
 * All has been written: yield a source that reads it back through a descriptor
 * of its own, until store_commit() or store_abort().  0 or -errno.
 */
int store_reread(struct store *s, struct source *ret);

/*
 * Put what was written in the file's place, durably.  Its owner is kept; its
 * mode is 0600, or 0400 if it was without write permission.
 * A file that is gone is written anew; one that is not ours any more
 * (store_check()) is left alone.
 *
 * 0, or
 *	-ESTALE	the file is not ours any more; what was written is still
 *		there for store_commit_beside()
 *	or the -errno of the step that failed; then the file is as it was,
 *	except that after a failed fsync of the folder it may be either, and
 *	what was written is gone
 */
int store_commit(struct store *s);

/*
 * Put what was written, durably, beside the file that has taken our place: as
 * NAME.conflict and the time when the store was opened.  The next
 * store_commit() that succeeds removes it.
 *
 * 0, -EEXIST if something that is not ours has that name, or the -errno of
 * the step that failed.
 */
int store_commit_beside(struct store *s);

/* Is what the last store_commit_beside() has left still there? */
bool store_is_beside(const struct store *s);

/* How times are written in the names of files: 20261231T235959Z. */
enum { STORE_DATE_LEN = 16 };

/* Write the time of now, UTC, or nothing if it cannot be written so. */
void store_date(char text[static STORE_DATE_LEN + 1]);

/* Is text such a time, and nothing else? */
bool store_is_date(const char *text);

/* Is error (errno) what link(2) says where there are no hard links? */
bool store_has_no_links(int error);

/* Drop what was written.  A store without any is left as it is. */
void store_abort(struct store *s);

/*
 * Let go of the file that the last store_commit() has replaced, which may take
 * a while: for when nobody waits.
 */
void store_tidy(struct store *s);

/* Replace the file by b: begin, write and commit.  Errors are theirs. */
int store_save(struct store *s, const struct blob *b);

/*
 * Is the file still the one that was last loaded or saved here?  0, also if
 * none was; -ENOENT if it is gone, -ESTALE if another one, or other contents,
 * are in its place, or the -errno of fstatat(2).
 */
int store_check(const struct store *s);

/* Bytes of the file that was last loaded or saved here; 0 if none was. */
uint64_t store_size(const struct store *s);

/* The file's absolute path, symbolic links resolved.  Lives as long as s. */
const char *store_path(const struct store *s);

/* Unlock and release s.  NULL is a no-op. */
void store_close(struct store *s);

#endif
