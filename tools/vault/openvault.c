/* SPDX-License-Identifier: MIT */
#include "openvault.h"

#include "askpass.h"
#include "copies.h"
#include "crypto/mem.h"
#include "fs/sealing.h"
#include "seen.h"
#include "tools/mounts/elsewhere.h"
#include "tools/mounts/mounts.h"
#include "tools/mounts/stale.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	ATTEMPTS = 3,		 /* at the terminal */
	CLOSING_WAIT_MS = 10000, /* for a daemon that seals for the last time */
	CLOSING_STEP_MS = 20,
	BYTES_PER_NODE = 2048, /* of size=: how many inodes a mount has */
	MIN_NODES = 1024,
};

static const char in_use[] =
	"%s: in use by another mount; 'tazpod lock' it first, or mount with "
	"-o ro";

/* Is the vault at path mounted anywhere in sight? */
static bool is_mounted(const char *path)
{
	struct mounted *m;
	char *real = realpath(path, NULL);
	bool found = false;

	if (real != NULL && mounts_read(&m) == 0) {
		found = stale_live_mount(m, real) != NULL;
		mounts_free(m);
	}
	free(real);
	return found;
}

/*
 * Open the store.  umount(8) returns while the daemon still seals what is
 * left, so a lock without a mount is waited for.
 */
static int open_store(struct store **ret, const char *path, bool in_place)
{
	const struct timespec step = {0, CLOSING_STEP_MS * 1000000L};
	int (*open)(struct store **, const char *) =
		in_place ? store_open_in_place : store_open;
	int err = open(ret, path);

	for (int ms = 0; err == -EAGAIN && ms < CLOSING_WAIT_MS;
	     ms += CLOSING_STEP_MS) {
		if (is_mounted(path) || (ms == 0 && elsewhere_serves(path) > 0))
			break;
		(void)nanosleep(&step, NULL);
		err = open(ret, path);
	}
	return err;
}

static enum exit_code complain_in_use(const char *path)
{
	pid_t pid;

	if (is_mounted(path))
		return msg_fail(EXIT_IN_USE, in_use, path);
	pid = elsewhere_serves(path);
	if (pid != 0)
		return msg_fail(EXIT_IN_USE,
				"%s: in use by process %d, which shows it out "
				"of sight, as 'tazpod run' does in a namespace "
				"of its own; it ends with its command, or kill "
				"-TERM %d",
				path, pid, pid);
	return msg_fail(EXIT_IN_USE,
			"%s: in use: it is mounted by another path (as in a "
			"container), another tazpod makes it, or its daemon "
			"cannot save what was last changed; see the system log",
			path);
}

static enum exit_code complain_store(int err, const char *path)
{
	switch (err) {
	case -ENOENT:
		return msg_fail(EXIT_FAILED,
				"%s: no such vault; make one with 'tazpod "
				"create %s', or mount with -o create",
				path, path);
	case -EISDIR:
		return msg_fail(EXIT_DAMAGED,
				"%s: not a vault: it is a folder; name the "
				"vault file in it",
				path);
	case -ENOTSUP:
		return msg_fail(EXIT_DAMAGED,
				"%s: not a vault: it is not a regular file",
				path);
	case -EAGAIN:
		return complain_in_use(path);
	default:
		return msg_fail(EXIT_FAILED, "%s: cannot open: %s", path,
				msg_error(err));
	}
}

/* A size as one would write it for -o size=. */
static const char *size_text(char text[static 32], uint64_t bytes)
{
	const char *unit = "";

	if (bytes % (1 << 20) == 0) {
		bytes >>= 20;
		unit = "M";
	} else if (bytes % (1 << 10) == 0) {
		bytes >>= 10;
		unit = "k";
	}
	(void)snprintf(text, 32, "%llu%s", (unsigned long long)bytes, unit);
	return text;
}

static enum exit_code lock_and_read(struct opened *v, const struct options *o,
				    const char *path)
{
	/* Sealed bytes are never much more than what is in them. */
	const uint64_t limit = 2 * o->size + (64 << 20);
	char text[32];
	int why = o->read_only ? -EROFS
			       : open_store(&v->store, path, o->in_place);
	int err = why;

	if (why == -EROFS || why == -EBUSY || why == -ESTALE) {
		v->read_only = true;
		err = store_open_readonly(&v->store, path);
	}
	if (err == 0)
		err = store_load(&v->sealed, v->store, limit);
	if (err == -EFBIG)
		return msg_fail(EXIT_FAILED,
				"%s: too large for size=%s; mount with a "
				"larger -o size=",
				path, size_text(text, o->size));
	if (err != 0)
		return complain_store(err, path);
	copies_tell(v->store, path);
	if (v->read_only && !o->read_only)
		msg_say("%s: mounting read-only: %s", path,
			why == -EBUSY ? "the file is itself a mount point, "
					"so it cannot be replaced; -o inplace "
					"overwrites it"
			: why == -ESTALE
				? "another file was put in its place; mount "
				  "that where this one is seen"
			: o->in_place ? "the file cannot be written"
				      : "its folder cannot be written");
	return EXIT_DONE;
}

/*
 * Is what was opened, or made, the newest that was seen of the vault, as far
 * as is known?  Then it is noted.  The key has verified what v says of itself:
 * of a header that somebody has altered, other things are to be said.
 */
static enum exit_code check_seen(const struct opened *v,
				 const struct options *o, const char *path)
{
	const struct seal_params *p = vault_params(v->vault);
	enum exit_code code = EXIT_DONE;
	int err;

	if (copies_is_one(v->store))
		return EXIT_DONE;
	if (!o->rollback)
		code = seen_check(p, path);
	if (code != EXIT_DONE)
		return code;
	err = o->rollback ? seen_accept(p) : seen_note(p);
	if (err != 0)
		msg_say("%s: its generation cannot be noted (%s), so an older "
			"vault in its place would not be noticed; see "
			"'XDG_STATE_HOME' in tazpodfs(8)",
			path, strerror(-err));
	return EXIT_DONE;
}

/* Judge the envelope before anybody is asked for a passphrase. */
static enum exit_code check_envelope(const struct opened *v, const char *path)
{
	struct seal_params p;
	int err = seal_parse(&p, &v->sealed);

	switch (err) {
	case 0:
		return EXIT_DONE;
	case -ENODATA:
		return msg_fail(EXIT_DAMAGED,
				"%s: not a vault: %zu bytes, and none is "
				"shorter than %d; restore a backup",
				path, v->sealed.len, SEAL_MIN_LEN);
	case -EPROTO:
		return msg_fail(
			EXIT_DAMAGED,
			"%s: made by a newer tazpod, or damaged; update "
			"this one, or restore a backup",
			path);
	default:
		return msg_fail(EXIT_DAMAGED,
				"%s: damaged: its header makes no sense; "
				"restore a backup",
				path);
	}
}

static enum exit_code complain_open(int err, const struct opened *v,
				    const char *path)
{
	struct seal_params p;

	switch (err) {
	case -EKEYREJECTED:
		if (seal_parse(&p, &v->sealed) == 0 && p.format == 1)
			return msg_fail(
				EXIT_PASSPHRASE,
				"%s: wrong passphrase, or a damaged vault or "
				"none at all (format 1 cannot tell)",
				path);
		return msg_fail(EXIT_PASSPHRASE, "%s: wrong passphrase", path);
	case -EBADMSG:
		return msg_fail(EXIT_DAMAGED,
				"%s: the passphrase is right, but the vault is "
				"damaged or was altered; restore a backup",
				path);
	case -ENOTSUP:
		return msg_fail(EXIT_FAILED,
				"%s: needs Argon2id, which OpenSSL has from "
				"3.2 on",
				path);
	case -ENOMEM:
		return msg_fail_memory(path);
	default:
		return msg_fail(EXIT_FAILED, "%s: cannot open: %s", path,
				msg_error(err));
	}
}

static enum exit_code unlock(struct opened *v, const struct options *o,
			     const char *path)
{
	int attempts = askpass_is_terminal(&o->pass) ? ATTEMPTS : 1;
	enum exit_code code;

	do {
		struct secret pass = {0};
		int err;

		code = askpass_get(&pass, &o->pass, path);
		if (code != EXIT_DONE)
			continue;
		err = vault_open(&v->vault, &v->sealed, &pass);
		secret_free(&pass);
		if (err == 0)
			return EXIT_DONE;
		code = complain_open(err, v, path);
	} while (code == EXIT_PASSPHRASE && --attempts > 0);
	return code;
}

/* A vault that is overwritten in place may still have its journal. */
static enum exit_code finish_save(const struct opened *v, const char *path)
{
	int err = v->read_only ? 0 : store_repair(v->store);

	if (err == 0)
		return EXIT_DONE;
	return msg_fail(EXIT_FAILED,
			"%s: whole, but an interrupted save of it cannot be "
			"finished: %s; it can be mounted with -o ro",
			path, msg_error(err));
}

enum exit_code openvault_open(struct opened *ret, const struct options *o,
			      const char *path)
{
	struct opened v = {0};
	enum exit_code code;

	mem_secret_limit(o->secret);
	if (o->create && access(path, F_OK) != 0 && errno == ENOENT)
		return openvault_create(ret, o, path);
	code = lock_and_read(&v, o, path);
	if (code == EXIT_DONE)
		code = check_envelope(&v, path);
	if (code == EXIT_DONE)
		code = unlock(&v, o, path);
	if (code == EXIT_DONE)
		code = check_seen(&v, o, path);
	if (code == EXIT_DONE)
		code = finish_save(&v, path);
	if (code == EXIT_DONE)
		*ret = v;
	else
		openvault_close(&v);
	return code;
}

static int new_tree(struct tree **ret, const struct options *o)
{
	const struct attr root = {
		.mode = S_IFDIR | 0700,
		.uid = geteuid(),
		.gid = getegid(),
	};
	struct tree_limits limits = {
		.bytes = o->size,
		.nodes = o->nr_inodes,
		.reserve = o->read_only ? NULL : snapshot_reserve,
	};

	if (limits.nodes == 0)
		limits.nodes = o->size / BYTES_PER_NODE > MIN_NODES
				       ? o->size / BYTES_PER_NODE
				       : MIN_NODES;
	return tree_new(ret, &limits, &root);
}

/* Seal an empty tree as the vault's first generation, and store it. */
static int seal_first(struct opened *v, const struct options *o)
{
	struct snapshot s = {0};
	struct tree *t = NULL;
	const struct attr now = {0};
	int err = new_tree(&t, o);

	if (err == 0)
		err = tree_setattr(t, tree_node(t, TREE_ROOT), &now,
				   SET_ATIME_NOW | SET_MTIME_NOW);
	if (err == 0)
		err = snapshot_take(&s, t);
	if (err == 0)
		err = sealing_write(v->store, v->vault, &s, VAULT_SESSION);
	if (err == 0)
		err = store_commit(v->store);
	if (err == 0)
		err = store_load(&v->sealed, v->store, UINT64_MAX);
	snapshot_release(&s);
	tree_free(t);
	return err;
}

static enum exit_code complain_create(int err, const char *path)
{
	switch (err) {
	case 0:
		return EXIT_DONE;
	case -EEXIST:
		return msg_fail(EXIT_FAILED,
				"%s: exists already; nothing was changed",
				path);
	case -EAGAIN:
		return msg_fail(EXIT_IN_USE, in_use, path);
	case -ENOMEM:
		return msg_fail_memory(path);
	case -ENOENT:
		return msg_fail(EXIT_FAILED,
				"%s: cannot make a vault: its folder does not "
				"exist; make that first",
				path);
	case -EISDIR:
		return msg_fail(EXIT_FAILED,
				"%s: cannot make a vault: it is a folder; name "
				"a file in it",
				path);
	case -EROFS:
		return msg_fail(EXIT_FAILED,
				"%s: cannot make a vault: its folder cannot be "
				"written",
				path);
	default:
		return msg_fail(EXIT_FAILED, "%s: cannot make a vault: %s",
				path, msg_error(err));
	}
}

enum exit_code openvault_create(struct opened *ret, const struct options *o,
				const char *path)
{
	struct opened v = {0};
	struct secret pass = {0};
	enum exit_code code;
	int err = 0;

	mem_secret_limit(o->secret);
	code = complain_create(store_create(&v.store, path), path);
	if (code == EXIT_DONE)
		code = askpass_new(&pass, &o->pass, path);
	if (code != EXIT_DONE)
		goto out;
	err = vault_create(&v.vault, &pass);
	if (err == 0)
		err = seal_first(&v, o);
	code = complain_create(err, path);
	if (code != EXIT_DONE)
		goto out;
	code = check_seen(&v, o, path);
	if (code != EXIT_DONE)
		goto out;
	*ret = v;
	v = (struct opened){0};
out:
	secret_free(&pass);
	openvault_close(&v);
	return code;
}

static enum exit_code complain_tree(int err, const struct tar_report *r,
				    const struct opened *v,
				    const struct options *o)
{
	const char *path = store_path(v->store);
	char text[32];

	switch (err) {
	case -EBADMSG:
		return msg_fail(EXIT_DAMAGED,
				"%s: its archive is refused: %s; nothing was "
				"mounted",
				path,
				r->problem[0] != '\0' ? r->problem
						      : "it is damaged");
	case -E2BIG:
	case -ENOSPC:
		return msg_fail(EXIT_FAILED,
				"%s: holds more than size=%s allows, or "
				"nr_inodes=%s%s; mount with a larger -o size=",
				path, size_text(text, o->size),
				r->problem[0] != '\0' ? ": " : "", r->problem);
	case -ENOMEM:
		return msg_fail_memory(path);
	default:
		return msg_fail(EXIT_FAILED, "%s: cannot unpack: %s", path,
				msg_error(err));
	}
}

enum exit_code openvault_tree(struct tree **ret, struct opened *v,
			      const struct options *o)
{
	struct tar_report report = {0};
	struct tree *t = NULL;
	enum exit_code code;
	int err = new_tree(&t, o);

	if (err == 0)
		err = vault_load(v->vault, &v->sealed, t, &report);
	if (err != 0) {
		code = complain_tree(err, &report, v, o);
		tree_free(t);
		return code;
	}
	/* Nothing of it is needed any more, and it may be large. */
	blob_free(&v->sealed);
	if (report.dropped_passphrase)
		msg_say("%s: its sealed copy of the passphrase (" TREE_RESERVED
			") is left out, and gone with the next save",
			store_path(v->store));
	if (report.skipped > 0)
		msg_say("%s: left out %llu devices, which a vault "
			"does not keep",
			store_path(v->store),
			(unsigned long long)report.skipped);
	*ret = t;
	return EXIT_DONE;
}

void openvault_close(struct opened *v)
{
	blob_free(&v->sealed);
	vault_close(v->vault);
	store_close(v->store);
	*v = (struct opened){0};
}
