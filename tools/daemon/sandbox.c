/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "crypto/protect.h"
#include "sandbox_landlock.h"
#include "sandbox_seccomp.h"
#include "tools/machine/caps.h"
#include "tools/rundir.h"
#include "tools/vault/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * What a daemon of root's keeps, if it has it:
 *
 *	DAC_OVERRIDE	the vault may be in a folder that is closed to others
 *	CHOWN		a new vault belongs to whom the old one belonged to
 *	FOWNER		after that, its mode is set; and older vaults of
 *			another's get a second name
 *	IPC_LOCK	memory is locked beyond RLIMIT_MEMLOCK
 *	LEASE		files in memory, where it shows such (the last of
 *these), are read while nobody writes to them
 */
static const unsigned kept[] = {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER,
				CAP_IPC_LOCK, CAP_LEASE};

/*
 * One of a user's keeps the first, and the second where it has to read and wipe
 * files that are closed even to their owner.
 */
static const unsigned kept_by_user[] = {CAP_IPC_LOCK, CAP_DAC_OVERRIDE};

struct sandbox {
	int version; /* of Landlock; 0: there is none */
	int ruleset; /* a descriptor, or -1 */
};

static enum exit_code complain(const char *what, int err)
{
	return msg_fail(EXIT_FAILED,
			"cannot confine itself, %s: %s; nothing is mounted",
			what, strerror(-err));
}

/* Allow that use of what is at path.  0 or -errno. */
static int allow(const struct sandbox *s, const char *path,
		 enum landlock_use use)
{
	int fd = open(path, O_PATH | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = landlock_allow(s->ruleset, s->version, fd, use);
	(void)close(fd);
	return err;
}

/* A vault is replaced in its folder, or overwritten where it is. */
static int allow_vault(const struct sandbox *s, const char *vault)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(vault, '/');
	int err;

	if (slash == NULL || strlen(vault) >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, vault, (size_t)(slash - vault) + 1);
	folder[slash - vault + 1] = '\0';
	err = allow(s, folder, LANDLOCK_FILES);
	if (err == 0)
		err = allow(s, vault, LANDLOCK_FILE);
	/* Somebody may have moved it away by now. */
	return err == -ENOENT ? 0 : err;
}

/*
 * The places that are not to be had are none that the daemon could use either,
 * and then it says so itself.
 */
static void allow_own(const struct sandbox *s)
{
	/* What the name of a socket, "/MAJOR:MINOR.sock", takes at most. */
	enum { NAME_ROOM = 28 };
	const size_t room = sizeof(((struct sockaddr_un *)0)->sun_path);
	char path[PATH_MAX];
	bool found = false;

	if (statedir_get(path, NULL, true) == 0)
		(void)allow(s, path, LANDLOCK_STATE);
	for (unsigned n = 0; n < RUNDIR_COUNT && !found; n++)
		found = rundir_get(path, n, geteuid(), true) &&
			allow(s, path, LANDLOCK_SOCKET) == 0 &&
			access(path, W_OK | X_OK) == 0 &&
			strlen(path) + NAME_ROOM <= room;
}

enum exit_code sandbox_new(struct sandbox **ret, const char *vault,
			   bool read_only)
{
	struct sandbox *s = calloc(1, sizeof(*s));
	int err = 0;

	if (s == NULL)
		return complain("memory", -ENOMEM);
	s->ruleset = -1;
	s->version = landlock_version();
	*ret = s;
	if (s->version == 0)
		return EXIT_DONE;
	s->ruleset = landlock_new(s->version);
	if (s->ruleset < 0)
		err = s->ruleset;
	else if (!read_only)
		err = allow_vault(s, vault);
	if (err != 0) {
		sandbox_free(s);
		*ret = NULL;
		return complain("Landlock", err);
	}
	allow_own(s);
	return EXIT_DONE;
}

static int enter_landlock(const struct sandbox *s, int root, bool is_files)
{
	int err = 0;

	if (s->version == 0)
		return 0;
	if (root >= 0)
		err = landlock_allow(s->ruleset, s->version, root,
				     LANDLOCK_STATE);
	if (root >= 0 && err == 0)
		err = landlock_allow(s->ruleset, s->version, root,
				     LANDLOCK_SOCKET);
	if (is_files && err == 0)
		err = landlock_allow(s->ruleset, s->version, root,
				     LANDLOCK_WIPE);
	return err == 0 ? landlock_enter(s->ruleset) : err;
}

/*
 * mem_harden() has done this, but a change of rights may undo it
 * (PR_SET_DUMPABLE(2const)).
 */
static int stay_hidden(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -errno;
}

enum exit_code sandbox_enter(const struct sandbox *s, int root, bool is_files)
{
	int err;

	if (!PROTECT)
		return EXIT_DONE;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return complain("no_new_privs", -errno);
	if (geteuid() == 0)
		err = caps_keep(kept, COUNT(kept) - (is_files ? 0 : 1));
	else
		err = caps_keep(kept_by_user,
				is_files ? COUNT(kept_by_user) : 1);
	if (err != 0)
		return complain("capabilities", err);
	err = stay_hidden();
	if (err != 0)
		return complain("dumpable", err);
	err = enter_landlock(s, root, is_files);
	if (err != 0)
		return complain("Landlock", err);
	err = seccomp_mode() >= 0 ? seccomp_enter() : 0;
	if (err != 0)
		return complain("seccomp", err);
	return EXIT_DONE;
}

void sandbox_free(struct sandbox *s)
{
	if (s == NULL)
		return;
	if (s->ruleset >= 0)
		(void)close(s->ruleset);
	free(s);
}

/* A part that the kernel may lack. */
static const char *state(bool is_there, bool holds)
{
	if (!is_there)
		return "absent";
	return holds ? "yes" : "no";
}

void sandbox_print(FILE *out)
{
	const int version = landlock_version(), mode = seccomp_mode();
	struct rlimit core = {0};
	char *names = caps_names();

	(void)fprintf(out, "no_new_privs=%s\n",
		      state(true, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1));
	(void)fprintf(out, "seccomp=%s\n", state(mode >= 0, mode == 2));
	(void)fprintf(out, "landlock=%s\nlandlock_abi=%d\n",
		      state(version > 0, landlock_holds()), version);
	if (names != NULL)
		(void)fprintf(out, "capabilities=%s\n", names);
	(void)fprintf(out, "dumpable=%s\n",
		      state(true, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0));
	if (getrlimit(RLIMIT_CORE, &core) == 0)
		(void)fprintf(out, "core_bytes=%llu\n",
			      (unsigned long long)core.rlim_cur);
	free(names);
}
