/* SPDX-License-Identifier: MIT */
/* Make a project of the working folder. */
#include "commands.h"

#include "tools/pod/engine.h"
#include "tools/project/podname.h"
#include "tools/project/project.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char config_text[] =
	"# This project's pod: 'tazpod up' makes it, 'tazpod enter' opens a "
	"shell in it,\n"
	"# 'tazpod down' saves, locks and removes it.  docs/CONFIG.md has all "
	"keys.\n"
	"\n"
	"image: localhost/tazpod\n"
	"container_name: %s\n"
	"user: tazpod\n"
	"\n"
	"# What the pod may do beyond what every container may; nothing is "
	"privileged.\n"
	"grant: [%s]\n"
	"\n"
	"# Folders of the vault that appear in the home while it is unlocked.\n"
	"#bridges: [.aws, .ssh]\n"
	"\n"
	"# Folders of the home that are no secrets and outlive the vault and "
	"the pod:\n"
	"# they are kept in .tazpod, on the disk.\n"
	"#memory: [.gemini]\n"
	"\n"
	"# More options for the engine's run.\n"
	"#run_options: [--network, none]\n";

/* What git shall not take; the vault is sealed, but has its own history. */
static const char ignore_text[] = "*\n"
				  "!.gitignore\n"
				  "!config.yaml\n";

static const char secrets_text[] =
	"# What 'tazpod pull' is to fetch from Infisical into the vault.\n"
	"#\n"
	"#config:\n"
	"#  infisical_project_id: 00000000-0000-0000-0000-000000000000\n"
	"#  infisical_env: dev\n"
	"#  infisical_path: /\n"
	"#secrets:\n"
	"#  - name: KUBECONFIG\n"
	"#    file: kube/config\n";

/*
 * Root makes it for who owns the folder: in a pod they are another user.  fd is
 * what was made.  0 or -errno.
 */
static int give_away(int fd)
{
	struct stat here;

	if (geteuid() != 0)
		return 0;
	return stat(".", &here) == 0 &&
			       fchown(fd, here.st_uid, here.st_gid) == 0
		       ? 0
		       : -errno;
}

/* Make the file called name, unless it is there.  *made says so.  0 or
 * -errno. */
static int write_new(const char *name, const char *text, bool *made)
{
	const int fd =
		open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	const size_t len = strlen(text);
	int err = 0;

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	errno = 0;
	if (write(fd, text, len) != (ssize_t)len || fsync(fd) != 0)
		err = errno != 0 ? -errno : -EIO;
	if (err == 0)
		err = give_away(fd);
	if (close(fd) != 0 && err == 0)
		err = -errno;
	if (err != 0)
		(void)unlink(name);
	*made = *made || err == 0;
	return err;
}

static int make_folder(const char *name, mode_t mode, bool *made)
{
	int fd, err;

	if (mkdir(name, mode) != 0)
		return errno == EEXIST ? 0 : -errno;
	*made = true;
	fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = give_away(fd);
	(void)close(fd);
	return err;
}

/* A name that no container has, as far as the engine, or NULL, tells. */
static enum exit_code choose_name(char ret[static PODNAME_MAX],
				  const struct engine *e)
{
	char *taken = e != NULL ? engine_pod_names(e, true) : NULL;
	char dir[PATH_MAX];
	const char *folder = getcwd(dir, sizeof(dir));
	enum exit_code code = EXIT_DONE;
	unsigned first = 0, tries = 0;
	int err = folder != NULL ? podname_digits(&first) : -errno;

	while (err == 0 && folder != NULL && tries < PODNAME_DIGITS) {
		podname_make(ret, strrchr(folder, '/') + 1,
			     (first + tries) % PODNAME_DIGITS);
		if (!engine_has_pod(taken, ret))
			break;
		tries++;
	}
	if (err != 0)
		code = msg_fail(EXIT_FAILED, "no name can be made up: %s",
				msg_error(err));
	else if (tries == PODNAME_DIGITS)
		code = msg_fail(EXIT_FAILED,
				"%s: all such names are taken; rename the "
				"folder, or remove containers",
				ret);
	free(taken);
	return code;
}

static enum exit_code write_config(bool *made)
{
	char name[PODNAME_MAX], *text = NULL;
	struct engine e;
	const bool has_engine = engine_is_there(&e, NULL);
	enum exit_code code;
	int err;

	if (access(PROJECT_FOLDER "/config.yaml", F_OK) == 0)
		return EXIT_DONE;
	code = choose_name(name, has_engine ? &e : NULL);
	if (code != EXIT_DONE)
		return code;
	/* docker's own profiles keep everybody from mounting anything. */
	err = asprintf(&text, config_text, name,
		       has_engine && strcmp(e.name, "docker") == 0
			       ? "fuse, userns"
			       : "fuse") < 0
		      ? -ENOMEM
		      : write_new(PROJECT_FOLDER "/config.yaml", text, made);
	free(text);
	return err == 0 ? EXIT_DONE
			: msg_fail(EXIT_FAILED,
				   PROJECT_FOLDER "/config.yaml: %s",
				   msg_error(err));
}

enum exit_code cmd_init(const struct command_line *c)
{
	bool made = false;
	const char *name = PROJECT_FOLDER;
	int err = make_folder(name, 0755, &made);
	enum exit_code code;

	if (err == 0)
		err = make_folder(name = PROJECT_FOLDER "/vault", 0700, &made);
	if (err == 0)
		err = write_new(name = PROJECT_FOLDER "/.gitignore",
				ignore_text, &made);
	if (err == 0)
		err = write_new(name = "secrets.yml", secrets_text, &made);
	if (err != 0)
		return msg_fail(EXIT_FAILED, "%s: %s", name, msg_error(err));
	code = write_config(&made);
	if (code == EXIT_DONE && !c->quiet)
		(void)puts(made ? "this folder is a project now; 'tazpod up' "
				  "makes its pod, or 'tazpod shell' opens its "
				  "vault here"
				: "this folder is a project already; nothing "
				  "has changed");
	return code;
}
